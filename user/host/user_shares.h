/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much time each user's processes took lately. Users who took more than their share come after
 * the others, so one with a thousand processes, or with slow ones, does not keep those of others
 * from being looked at. A user is the owner of a process (target/process_owner.h).
 *
 * Past time counts half at each tick. Beyond USER_SHARES_MAX users the one with the least is
 * forgotten.
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
	uint64_t spent_ns; /* of all users */
};

void user_shares__spend(struct user_shares *shares, process_owner owner, uint64_t ns);
void user_shares__tick(struct user_shares *shares);

/* Whether @owner took more than the average of all; never true for the only user. */
bool user_shares__is_over(const struct user_shares *shares, process_owner owner);
