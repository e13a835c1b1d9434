/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the processes of each user have taken of our time beyond the budget, as long as it is not
 * paid off. Each user owes for itself: who has large debts keeps nobody else from running into
 * some. What there is to pay with is divided equally among those who owe, so somebody with small
 * debts is soon free of them.
 *
 * No debt is forgotten, so all of them together are bounded by what is asked of each user before
 * its next debt. Users beyond USER_DEBTS_MAX owe together, and so does everybody who owes nothing
 * of its own while these do.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "target/process_owner.h"

#define USER_DEBTS_MAX 64

struct user_debt {
	process_owner owner;
	double ns;
	bool has_surprised; /* some of it is for what took far more than before */
};

struct user_debts {
	struct user_debt users[USER_DEBTS_MAX];
	size_t cnt;
	struct user_debt others; /* together */
};

void user_debts__add(struct user_debts *debts, process_owner owner, double ns, bool is_surprise);

/* Pays off up to @ns. Returns how much that was. */
double user_debts__pay(struct user_debts *debts, double ns);

/* What @owner owes; the owner in there may be others. */
struct user_debt user_debts__of(const struct user_debts *debts, process_owner owner);

/* Of all users, in ns. */
double user_debts__sum(const struct user_debts *debts);
