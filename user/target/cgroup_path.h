/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the container or pod in the path of a control group. The names are those that container
 * engines and the kubelet use with the cgroup drivers "cgroupfs" and "systemd"; containers of
 * systemd-nspawn and LXC are recognized by their prefixes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The container's id in @text: exactly 64 hexadecimal digits; NULL if there is none. */
const char *cgroup_path__find_id(const char *text);

/*
 * The pod's UID in @text, from the "pod" before it on: 36 characters, digits grouped 8-4-4-4-12,
 * with '_' for '-' under systemd; NULL if there is none.
 */
#define POD_UID_BYTES 36
const char *cgroup_path__find_pod(const char *text);

/*
 * The length of the part of @path (which ends at a line break or NUL) that identifies the owner of
 * the process: it ends with the outermost container or pod (*is_container is true), or else with
 * the outermost group that the host's service manager does not divide further, such as a systemd
 * unit. Groups below that may have been created by the processes inside, as many as they like.
 */
size_t cgroup_path__outermost(const char *path, bool *is_container);
