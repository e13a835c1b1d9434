/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the path of a control group says: where a container or a pod begins in it. Their names are
 * those that container engines and the kubelet give, with their cgroup drivers "cgroupfs" and
 * "systemd"; systemd-nspawn's and LXC's are known by their prefixes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The container's id in @text: 64 hexadecimal digits, and no more of them; NULL: there is none. */
const char *cgroup_path__find_id(const char *text);

/*
 * The pod's UID in @text, "pod" in front of it: 36 characters of 8-4-4-4-12 digits, with '_' for
 * '-' where systemd is; NULL: there is none.
 */
#define POD_UID_BYTES 36
const char *cgroup_path__find_pod(const char *text);

/*
 * How much of @path, which ends at a line break or NUL, names who is around the process: the
 * outermost container or pod (*is_container); else the outermost group that the host's service
 * manager does not divide any further, a unit of systemd for one. What is below that, whoever is in
 * there may have made: as many groups as it likes.
 */
size_t cgroup_path__outermost(const char *path, bool *is_container);
