/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which arena of malloc each thread allocates from. glibc keeps that in a variable of each thread,
 * thread_arena (malloc/arena.c). In all threads of a process it lies at the same distance below the
 * thread pointer, but how far depends on the libraries that were loaded first. So the distance is
 * learnt: it is the one where most threads have the address of an arena. Below the variables of a
 * thread its stack begins, which may have such addresses, too; so of equal ones the least counts.
 */
#pragma once

#include "analysis/thread_stacks.h"
#include "malloc/malloc_areas.h"
#include "target/target.h"

/*
 * Sets the arena of all threads of @stacks where it is found; threads that never allocated have
 * none. Returns 0, -EDQUOT, -ENOMEM, or as memory__read_ranges().
 */
int arena_threads__find(const struct thread_stacks *stacks, const struct malloc_areas *areas,
			const struct target *target);
