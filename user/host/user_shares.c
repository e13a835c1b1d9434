// SPDX-License-Identifier: BSD-2-Clause
#include "host/user_shares.h"

/* A user with less than this is dropped. */
#define FORGOTTEN_NS 1000000UL

static const struct user_share *find(const struct user_shares *shares, process_owner owner)
{
	for (size_t i = 0; i < shares->cnt; i++)
		if (shares->users[i].owner == owner)
			return &shares->users[i];
	return NULL;
}

static struct user_share *add(struct user_shares *shares, process_owner owner)
{
	struct user_share *least = &shares->users[0];

	if (shares->cnt < USER_SHARES_MAX) {
		least = &shares->users[shares->cnt++];
	} else {
		for (size_t i = 1; i < shares->cnt; i++)
			if (shares->users[i].spent_ns < least->spent_ns)
				least = &shares->users[i];
		shares->spent_ns -= least->spent_ns;
	}
	*least = (struct user_share){.owner = owner};
	return least;
}

void user_shares__spend(struct user_shares *shares, process_owner owner, uint64_t ns)
{
	struct user_share *user = (struct user_share *)find(shares, owner);

	if (!user)
		user = add(shares, owner);
	user->spent_ns += ns;
	shares->spent_ns += ns;
}

void user_shares__tick(struct user_shares *shares)
{
	size_t kept = 0;

	shares->spent_ns = 0;
	for (size_t i = 0; i < shares->cnt; i++) {
		struct user_share user = shares->users[i];

		user.spent_ns /= 2;
		if (user.spent_ns < FORGOTTEN_NS)
			continue;
		shares->spent_ns += user.spent_ns;
		shares->users[kept++] = user;
	}
	shares->cnt = kept;
}

bool user_shares__is_over(const struct user_shares *shares, process_owner owner)
{
	const struct user_share *user = find(shares, owner);

	return user && user->spent_ns > shares->spent_ns / shares->cnt;
}
