/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Pythons that a host watches, by pid, of which there is room for so many; and those that have
 * left, but whose probes are yet to be taken out.
 */
#pragma once

#include "host/host_state.h"

/* Where the one with that pid is, or would be. */
size_t host_members__place(const struct host *host, pid_t pid);

/* The one with that pid, or NULL. */
struct watched *host_members__find(const struct host *host, pid_t pid);

/* Whether there is room for @watched; another one may have to go. */
bool host_members__make_room(struct host *host, const struct watched *watched);

/* Takes over @watched, which is not there yet. Returns 0 or -ENOMEM. */
int host_members__insert(struct host *host, struct watched *watched);

/* The one at that place is watched no more. */
void host_members__drop(struct host *host, size_t place);

/* Frees one that is not among them, or, if it is probed, has it leave. */
void host_members__dismiss(struct host *host, struct watched *watched);
