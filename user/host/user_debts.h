/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much CPU time the processes of each user took beyond the budget, until it is paid off. Each
 * user has its own debt, so one with large debts does not keep others from incurring some. Payments
 * are divided equally among the debtors, so small debts are soon paid off.
 *
 * No debt is forgotten, so the sum is limited by what is asked of each user before its next debt.
 * Users beyond USER_DEBTS_MAX share one debt. While that is not paid off, it also counts for every
 * user without a debt of its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "target/process_owner.h"

#define USER_DEBTS_MAX 64

struct user_debt {
	process_owner owner;
	double ns;
	bool has_surprised; /* part of it is for jobs that took much longer than before */
};

struct user_debts {
	struct user_debt users[USER_DEBTS_MAX];
	size_t cnt;
	struct user_debt others; /* shared */
};

void user_debts__add(struct user_debts *debts, process_owner owner, double ns, bool is_surprise);

/* Pays off up to @ns. Returns how much was paid. */
double user_debts__pay(struct user_debts *debts, double ns);

/* The debt of @owner, which may be the shared one; its owner member then differs. */
struct user_debt user_debts__of(const struct user_debts *debts, process_owner owner);

/* Of all users, in nanoseconds. */
double user_debts__sum(const struct user_debts *debts);
