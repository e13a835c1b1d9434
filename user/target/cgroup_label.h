/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a person calls the control group a process is in: a pod of Kubernetes by its UID; a
 * container by the first 12 digits of its id, as container engines show it; a unit of systemd by
 * its name.
 */
#pragma once

/* Of a path in the cgroup hierarchy; "" if it is neither. NULL without memory; the caller frees. */
char *cgroup_label__of(const char *path);
