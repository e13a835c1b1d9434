/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Suggests what to do where arenas are pinned in a known pattern, with the reason and the figures.
 */
#pragma once

#include <stddef.h>

#include "analysis/census_kinds.h"
#include "analysis/pin_holders.h"

enum advice_rule {
	ADVICE_FREE_LISTED, /* freed objects on free lists, until the next full collection */
	ADVICE_KEPT,	    /* the same, but kept for good: dicts and lists of Python 2 */
	ADVICE_FRAMES,	    /* frames that functions keep for their next call */
	ADVICE_CONTAINER,   /* what is left in a container */
	ADVICE_IMPORTS,	    /* code that was imported late */
	ADVICE_CYCLES,	    /* objects that no root leads to */
	ADVICE_RULE_CNT,
};

/* "parked", "kept", "frames", "container", "imports", "cycles" */
extern const char *const advice_rule_names[ADVICE_RULE_CNT];

struct advice {
	enum advice_rule rule;
	char *text; /* one or two sentences; names in it are not made safe to print */
};

struct advices {
	struct advice *items; /* in the order of the rules */
	size_t cnt, capacity;
};

/* Returns 0 or -ENOMEM. The caller releases *out. */
int advices__find(struct advices *out, const struct census *census,
		  const struct pin_holders *holders);
void advices__release(struct advices *advices);
