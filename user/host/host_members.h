/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Pythons that a host watches, sorted by pid and limited in number; and those that it no longer
 * watches, but whose probes are still to be removed.
 */
#pragma once

#include "host/host_state.h"

/* The index of the process with this pid, or where it would be inserted. */
size_t host_members__place(const struct host *host, pid_t pid);

/* The process with this pid, or NULL. */
struct watched *host_members__find(const struct host *host, pid_t pid);

/* Whether there is room for @watched; this may drop another process. */
bool host_members__make_room(struct host *host, const struct watched *watched);

/* Takes over @watched, whose pid must be new. Returns 0 or -ENOMEM. */
int host_members__insert(struct host *host, struct watched *watched);

/* Stops watching the process at this index. */
void host_members__drop(struct host *host, size_t place);

/* Frees a process that is not in the list; if it is probed, only after its probes are removed. */
void host_members__dismiss(struct host *host, struct watched *watched);
