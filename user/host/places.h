/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many Pythons are watched, and which one is given up for another when that many are. Each
 * takes two descriptors, and memory beside what the account bounds: so a user who starts processes
 * enough could use up either, and then no new Python would be found, or pyfrag would be out of
 * memory. Beyond a number the user with most processes gives one up for a user who has fewer: so a
 * user can keep as many as an equal share, whatever the others start. A user is whoever answers for
 * a process (target/process_owner.h).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/watched.h"

/*
 * What one takes at most beside the account: its names and command line, its file's headers,
 * counters. 40 KiB were measured, and 90 with a long command line and an alert.
 */
#define PLACE_BYTES (128UL << 10)

/*
 * How many may be watched with @max_memory_bytes for all, and the descriptors that this process may
 * have; raises its soft limit of these as far as that needs.
 */
size_t places__limit(uint64_t max_memory_bytes);

/*
 * Which of @watched, @cnt of them, makes room for a process of @owner: the last one of the user who
 * has most. SIZE_MAX: none, for no user has more than @owner would have then.
 */
size_t places__find_yielding(struct watched *const *watched, size_t cnt, process_owner owner);
