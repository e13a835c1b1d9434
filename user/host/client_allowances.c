// SPDX-License-Identifier: BSD-2-Clause
#include "host/client_allowances.h"

static const struct client_allowance *find(const struct client_allowances *all, uint64_t client)
{
	for (size_t i = 0; i < all->cnt; i++)
		if (all->items[i].client == client)
			return &all->items[i];
	return NULL;
}

/*
 * Nothing is lost with a client that has spent nothing for long: it has as much left as a new one.
 */
static struct client_allowance *find_place(struct client_allowances *all, uint64_t now_ns)
{
	struct client_allowance *richest = &all->items[0];

	if (all->cnt < CLIENT_ALLOWANCES_MAX)
		return &all->items[all->cnt++];
	for (size_t i = 0; i < all->cnt; i++) {
		allowance__spend(&all->items[i].allowance, 0, now_ns);
		if (all->items[i].allowance.left > richest->allowance.left)
			richest = &all->items[i];
	}
	return richest;
}

void client_allowances__spend(struct client_allowances *all, uint64_t client, double amount,
			      uint64_t now_ns)
{
	struct client_allowance *one = (struct client_allowance *)find(all, client);

	if (!one) {
		one = find_place(all, now_ns);
		one->client = client;
		allowance__begin(&one->allowance, all->per_ns, all->max, now_ns);
	}
	allowance__spend(&one->allowance, amount, now_ns);
}

uint64_t client_allowances__wait_ns(const struct client_allowances *all, uint64_t client,
				    uint64_t now_ns)
{
	const struct client_allowance *one = find(all, client);

	return one ? allowance__wait_ns(&one->allowance, now_ns) : 0;
}
