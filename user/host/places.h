/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many Pythons are watched, and which one is dropped when another one needs its place. Each
 * takes two descriptors, and memory that the account does not cover. A user who starts enough
 * processes could use up either: then no new Python would be found, or pyfrag would run out of
 * memory. Beyond the limit the user with the most processes loses one to a user with fewer, so each
 * user can keep an equal share, whatever the others start. A user is the owner of a process
 * (target/process_owner.h).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/watched.h"

/*
 * Maximum memory of a Python that the account does not cover: its names and command line, headers
 * of its file, counters. 40 KiB were measured, and 90 KiB with a long command line and an alert.
 */
#define PLACE_BYTES (128UL << 10)

/*
 * How many Pythons can be watched with @max_memory_bytes for all, and with the descriptors that
 * this process may open. Raises its soft limit of descriptors as far as needed.
 */
size_t places__limit(uint64_t max_memory_bytes);

/*
 * The index of the one of @cnt processes that makes room for a process of @owner: the last one of
 * the user with the most. SIZE_MAX if no user has more than @owner would then have.
 */
size_t places__find_yielding(struct watched *const *watched, size_t cnt, process_owner owner);
