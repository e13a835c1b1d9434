// SPDX-License-Identifier: BSD-2-Clause
#include "host/user_debts.h"

#include <math.h>

/* Less is a rounding error. */
#define NOTHING_NS 1.0

static struct user_debt *find(const struct user_debts *debts, process_owner owner)
{
	for (size_t i = 0; i < debts->cnt; i++)
		if (debts->users[i].owner == owner)
			return (struct user_debt *)&debts->users[i];
	return NULL;
}

void user_debts__add(struct user_debts *debts, process_owner owner, double ns, bool is_surprise)
{
	struct user_debt *debt = find(debts, owner);

	if (!debt && debts->cnt < USER_DEBTS_MAX) {
		debt = &debts->users[debts->cnt++];
		*debt = (struct user_debt){.owner = owner};
	} else if (!debt) {
		debt = &debts->others;
	}
	debt->ns += ns;
	debt->has_surprised |= is_surprise;
}

struct user_debt user_debts__of(const struct user_debts *debts, process_owner owner)
{
	const struct user_debt *debt = find(debts, owner);

	return debt ? *debt : debts->others;
}

double user_debts__sum(const struct user_debts *debts)
{
	double sum = debts->others.ns;

	for (size_t i = 0; i < debts->cnt; i++)
		sum += debts->users[i].ns;
	return sum;
}

/* Returns how much was paid, at most @ns. */
static double pay_one(struct user_debt *debt, double ns)
{
	double paid = fmin(debt->ns, ns);

	debt->ns -= paid;
	if (debt->ns < NOTHING_NS)
		*debt = (struct user_debt){.owner = debt->owner};
	return paid;
}

static void drop_paid(struct user_debts *debts)
{
	size_t kept = 0;

	for (size_t i = 0; i < debts->cnt; i++)
		if (debts->users[i].ns > 0)
			debts->users[kept++] = debts->users[i];
	debts->cnt = kept;
}

double user_debts__pay(struct user_debts *debts, double ns)
{
	double left = ns;
	size_t debtors;

	/* What one debtor does not need is divided among the others. */
	while (left >= NOTHING_NS && (debtors = debts->cnt + (debts->others.ns > 0))) {
		double part = left / (double)debtors;

		for (size_t i = 0; i < debts->cnt; i++)
			left -= pay_one(&debts->users[i], part);
		left -= pay_one(&debts->others, part);
		drop_paid(debts);
	}
	return ns - fmax(left, 0);
}
