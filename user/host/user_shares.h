/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of our time each user's processes have taken lately. Who has taken more than its share comes
 * after the others: so one who has a thousand processes, or such as take long, keeps nobody else's
 * from being looked at. A user is whoever answers for a process (target/process_owner.h).
 *
 * The time of before counts half at each tick. Beyond USER_SHARES_MAX users the one with the least
 * is forgotten.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/process_owner.h"

#define USER_SHARES_MAX 64

struct user_shares {
	struct user_share {
		process_owner owner;
		uint64_t spent_ns;
	} users[USER_SHARES_MAX];
	size_t cnt;
	uint64_t spent_ns; /* by all */
};

void user_shares__spend(struct user_shares *shares, process_owner owner, uint64_t ns);
void user_shares__tick(struct user_shares *shares);

/* Whether @owner has taken more than all have on average; never, if it is the only one. */
bool user_shares__is_over(const struct user_shares *shares, process_owner owner);
