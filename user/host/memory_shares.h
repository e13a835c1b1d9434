/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose memory is given up when there is too little: of the user whose processes take most, the
 * process that takes most. So nobody can take away from another user what is less than an equal
 * share. A user is whoever answers for a process (target/process_owner.h).
 *
 * What the users take is added up once, and then kept as memory is given up: there may be thousands
 * of processes, and each may have to give up some.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/watched.h"

struct memory_shares {
	struct watched *const *watched; /* not ours */
	size_t watched_cnt;
	struct memory_user {
		process_owner owner;
		uint64_t bytes; /* what all that is known of its processes takes */
	} * users;		/* by owner */
	size_t user_cnt;
	uint32_t *user_of; /* each watched one's, as an index into @users */
};

/*
 * Of @watched, @cnt of them, which have to stay as they are. Returns 0 or -ENOMEM; the caller
 * releases.
 */
int memory_shares__measure(struct memory_shares *out, struct watched *const *watched, size_t cnt);
void memory_shares__release(struct memory_shares *shares);

/* Whether a process can give up memory now. */
typedef bool memory_shares_may_fn(const void *context, const struct watched *watched);

/*
 * Has the next one give up memory, of those that may. @refused: for that one, which wants more than
 * there was: only processes of its own user's yield, and of those users who have more than an equal
 * share of @limit_bytes; NULL: for anybody. Returns whether there was one.
 */
bool memory_shares__forget_one(struct memory_shares *shares, const struct watched *refused,
			       uint64_t limit_bytes, memory_shares_may_fn *may_forget,
			       const void *context);
