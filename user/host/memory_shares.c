// SPDX-License-Identifier: BSD-2-Clause
#include "host/memory_shares.h"

#include <errno.h>
#include <stdlib.h>

#include "util/cleanup.h"

static int compare_owners(const void *left, const void *right)
{
	process_owner a = ((const struct memory_user *)left)->owner,
		      b = ((const struct memory_user *)right)->owner;

	return (a > b) - (a < b);
}

void memory_shares__release(struct memory_shares *shares)
{
	free(shares->users);
	free(shares->user_of);
	*shares = (struct memory_shares){};
}

/* Fills in one entry per owner, sorted by owner. */
static size_t list_users(struct memory_user *users, struct watched *const *watched, size_t cnt)
{
	size_t kept = 0;

	for (size_t i = 0; i < cnt; i++)
		users[i] = (struct memory_user){.owner = watched__owner(watched[i])};
	if (cnt)
		qsort(users, cnt, sizeof(*users), compare_owners);
	for (size_t i = 0; i < cnt; i++)
		if (!kept || users[kept - 1].owner != users[i].owner)
			users[kept++] = users[i];
	return kept;
}

int memory_shares__measure(struct memory_shares *out, struct watched *const *watched, size_t cnt)
{
	_cleanup_(memory_shares__release) struct memory_shares shares = {
		.watched = watched,
		.watched_cnt = cnt,
		.users = calloc(cnt + 1, sizeof(*shares.users)),
		.user_of = calloc(cnt + 1, sizeof(*shares.user_of)),
	};

	if (!shares.users || !shares.user_of)
		return -ENOMEM;
	shares.user_cnt = list_users(shares.users, watched, cnt);
	for (size_t i = 0; i < cnt; i++) {
		const struct memory_user key = {.owner = watched__owner(watched[i])};
		struct memory_user *user =
			bsearch(&key, shares.users, shares.user_cnt, sizeof(key), compare_owners);

		user->bytes += watched__used_bytes(watched[i]);
		shares.user_of[i] = (uint32_t)(user - shares.users);
	}
	*out = shares;
	shares = (struct memory_shares){};
	return 0;
}

bool memory_shares__forget_one(struct memory_shares *shares, const struct watched *refused,
			       uint64_t limit_bytes, memory_shares_may_fn *may_forget,
			       const void *context)
{
	uint64_t share = shares->user_cnt ? limit_bytes / shares->user_cnt : 0, most = 0, left;
	struct memory_user *user = NULL;
	struct watched *largest = NULL;

	for (size_t i = 0; i < shares->watched_cnt; i++) {
		struct memory_user *one = &shares->users[shares->user_of[i]];
		uint64_t bytes = watched__used_bytes(shares->watched[i]);

		if (!may_forget(context, shares->watched[i]) ||
		    (refused && watched__owner(refused) != one->owner && one->bytes <= share))
			continue;
		if (largest &&
		    (one->bytes < user->bytes || (one->bytes == user->bytes && bytes <= most)))
			continue;
		largest = shares->watched[i];
		user = one;
		most = bytes;
	}
	if (!largest || !watched__forget(largest))
		return false;
	left = watched__used_bytes(largest);
	/* It may use more than before, because another process is being read. */
	user->bytes -= most > left ? most - left : 0;
	return true;
}
