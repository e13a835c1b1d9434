/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much work each client may cause: an allowance per address. If there are more than
 * CLIENT_ALLOWANCES_MAX addresses, the one with the most left is forgotten, so that nobody can get
 * rid of a debt by sending requests from other addresses.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "util/allowance.h"

#define CLIENT_ALLOWANCES_MAX 64

struct client_allowances {
	double per_ns, max; /* of each, see allowance__begin() */
	struct client_allowance {
		uint64_t client; /* see http_clients__number_of() */
		struct allowance allowance;
	} items[CLIENT_ALLOWANCES_MAX];
	size_t cnt;
};

void client_allowances__spend(struct client_allowances *all, uint64_t client, double amount,
			      uint64_t now_ns);

/* See allowance__wait_ns(). */
uint64_t client_allowances__wait_ns(const struct client_allowances *all, uint64_t client,
				    uint64_t now_ns);
