/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose cached data pyfrag drops when it is short of memory: of the user whose processes' data
 * takes the most, the process whose data takes the most. So no user can take an equal share away
 * from another. A user is the owner of a process (target/process_owner.h).
 *
 * The memory per user is summed up once and then updated, because there may be thousands of
 * processes, and each may have to give up some.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/watched.h"

struct memory_shares {
	struct watched *const *watched; /* not owned */
	size_t watched_cnt;
	struct memory_user {
		process_owner owner;
		uint64_t bytes; /* of the data about its processes */
	} * users;		/* sorted by owner */
	size_t user_cnt;
	uint32_t *user_of; /* for each of @watched, the index of its user */
};

/*
 * Sums up the memory of @cnt processes. @watched is not copied and must not change. Returns 0 or
 * -ENOMEM. The caller releases @out.
 */
int memory_shares__measure(struct memory_shares *out, struct watched *const *watched, size_t cnt);
void memory_shares__release(struct memory_shares *shares);

/* Whether the data of a process can be dropped now. */
typedef bool memory_shares_may_fn(const void *context, const struct watched *watched);

/*
 * Drops data of the next process for which @may_forget returns true (watched__forget()). If
 * @refused is not NULL, it needs more memory than is left: then only processes of its own user are
 * considered, and those of users with more than an equal share of @limit_bytes. Returns whether
 * data was dropped.
 */
bool memory_shares__forget_one(struct memory_shares *shares, const struct watched *refused,
			       uint64_t limit_bytes, memory_shares_may_fn *may_forget,
			       const void *context);
