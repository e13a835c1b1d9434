/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each client may have done for it: an allowance for each address. Beyond
 * CLIENT_ALLOWANCES_MAX addresses the one with most left is forgotten, so that nobody gets rid of a
 * debt by coming from elsewhere meanwhile.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "util/allowance.h"

#define CLIENT_ALLOWANCES_MAX 64

struct client_allowances {
	double per_ns, max; /* of each, as allowance__begin() */
	struct client_allowance {
		uint64_t client; /* http_clients__number_of() */
		struct allowance allowance;
	} items[CLIENT_ALLOWANCES_MAX];
	size_t cnt;
};

void client_allowances__spend(struct client_allowances *all, uint64_t client, double amount,
			      uint64_t now_ns);

/* As allowance__wait_ns(). */
uint64_t client_allowances__wait_ns(const struct client_allowances *all, uint64_t client,
				    uint64_t now_ns);
