/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What would help, where what pins has a pattern that is known; with the reason and the figures.
 */
#pragma once

#include <stddef.h>

#include "analysis/census_kinds.h"
#include "analysis/pin_holders.h"

enum advice_rule {
	ADVICE_PARKED,	  /* Python has freed them, and keeps them until a full collection */
	ADVICE_KEPT,	  /* the same, for good: dicts and lists of Python 2 */
	ADVICE_FRAMES,	  /* functions keep them for their next call */
	ADVICE_CONTAINER, /* what is left in a container */
	ADVICE_IMPORTS,	  /* code that was loaded late */
	ADVICE_CYCLES,	  /* nothing leads there */
	ADVICE_RULE_CNT,
};

/* "parked", "kept", "frames", "container", "imports", "cycles" */
extern const char *const advice_rule_names[ADVICE_RULE_CNT];

struct advice {
	enum advice_rule rule;
	char *text; /* a sentence or two; names in it are not made safe to print */
};

struct advices {
	struct advice *items; /* in the order of the rules */
	size_t cnt, capacity;
};

/* Returns 0 or -ENOMEM; the caller releases. */
int advices__find(struct advices *out, const struct census *census,
		  const struct pin_holders *holders);
void advices__release(struct advices *advices);
