/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An alert rule: "pinned_bytes > 64MiB for 60s where app=worker*". It consists of a metric of a
 * process, a comparison, a value, how long the comparison must be true before the alert fires, and
 * the processes to which it applies.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "analysis/findings.h"
#include "analysis/memory_figures.h"
#include "util/failure.h"

/* Longer rules are rejected. */
#define ALERT_RULE_BYTES_MAX 1000

enum alert_metric {
	ALERT_PINNED_BYTES,
	ALERT_PINNED_ARENAS,
	ALERT_HOSTAGE_BYTES,
	ALERT_FRAGMENTATION, /* 0..1 */
	ALERT_ARENA_BYTES,
	ALERT_GROWTH, /* of arenas, in bytes per minute */
	/* Members of struct memory_figures: */
	ALERT_RSS,
	ALERT_UNEXPLAINED,
	ALERT_MALLOC_IN_USE,
	ALERT_MALLOC_FREE,
	ALERT_MALLOC_TRIMMABLE,
	ALERT_METRIC_CNT,
};

/* "pinned_bytes", "pinned_arenas", ... */
extern const char *const alert_metric_names[ALERT_METRIC_CNT];

/* The properties by which a rule selects processes. */
enum alert_key {
	ALERT_KEY_APP,
	ALERT_KEY_COMM,
	ALERT_KEY_USER,
	ALERT_KEY_UNIT,
	ALERT_KEY_CNT,
};

struct alert_rule {
	char *text; /* the rule as given */
	enum alert_metric metric;
	bool below; /* "<" if true, else ">" */
	double value;
	double for_s;
	char *patterns[ALERT_KEY_CNT]; /* for fnmatch(3); NULL: any */
};

/*
 * Parses "METRIC > VALUE [for TIME] [where KEY=PATTERN ...]". A number of bytes may have a unit
 * (64MiB); a fragmentation may be a percentage. Returns 0; -EINVAL if @text is not a rule, and
 * @failure says why; or -ENOMEM. The caller releases @out.
 */
int alert_rule__parse(struct alert_rule *out, const char *text, struct failure *failure);
void alert_rule__release(struct alert_rule *rule);

/* What was read of a process. */
struct alert_measures {
	const struct findings *findings;
	double growth_per_minute; /* of its arenas, in bytes per minute */
	struct memory_figures memory;
};

/* Whether the rule's metric is one of struct memory_figures. */
bool alert_rule__needs_memory(const struct alert_rule *rule);

/*
 * The value of the rule's metric for a process (NAN: not known), and whether a value satisfies the
 * rule's comparison.
 */
double alert_rule__measure(const struct alert_rule *rule, const struct alert_measures *measures);
bool alert_rule__is_true(const struct alert_rule *rule, double value);

/*
 * Whether the rule applies to a process with these @values, indexed by enum alert_key. NULL means
 * that a value is not known; it matches no pattern.
 */
bool alert_rule__is_about(const struct alert_rule *rule, const char *const values[ALERT_KEY_CNT]);
