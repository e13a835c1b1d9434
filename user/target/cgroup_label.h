/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A readable name for the control group of a process: the UID of a Kubernetes pod; the first 12
 * digits of a container's id, as container engines show it; or the name of a systemd unit.
 */
#pragma once

/*
 * The label of @path, a path in the cgroup hierarchy; "" if it is none of these. NULL if out of
 * memory; the caller frees.
 */
char *cgroup_label__of(const char *path);
