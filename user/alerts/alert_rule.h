/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A rule for alerts: "pinned_bytes > 64MiB for 60s where app=worker*". It
 * consists of a metric of a process, a comparison, a value, the time for which the comparison must
 * be true before the alert fires, and the processes that it applies to.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "analysis/findings.h"
#include "util/failure.h"

/* Longer rules are refused. */
#define ALERT_RULE_BYTES_MAX 1000

enum alert_metric {
	ALERT_PINNED_BYTES,
	ALERT_PINNED_ARENAS,
	ALERT_HOSTAGE_BYTES,
	ALERT_FRAGMENTATION, /* 0..1 */
	ALERT_ARENA_BYTES,
	ALERT_GROWTH, /* of arenas, bytes a minute */
	ALERT_METRIC_CNT,
};

/*
 * "pinned_bytes", "pinned_arenas", "hostage_bytes", "fragmentation", "arena_bytes",
 * "growth_per_minute"
 */
extern const char *const alert_metric_names[ALERT_METRIC_CNT];

/* What a process is selected by. */
enum alert_key {
	ALERT_KEY_APP,
	ALERT_KEY_COMM,
	ALERT_KEY_USER,
	ALERT_KEY_UNIT,
	ALERT_KEY_CNT,
};

struct alert_rule {
	char *text; /* as it was given */
	enum alert_metric metric;
	bool below; /* "<"; else ">" */
	double value;
	double for_s;
	char *patterns[ALERT_KEY_CNT]; /* as fnmatch(3) has them; NULL: any */
};

/*
 * Parses "METRIC > VALUE [for TIME] [where KEY=PATTERN ...]". A value of bytes may have a unit
 * (64MiB), one of fragmentation may be a percentage. Returns 0, -EINVAL and @failure says what is
 * wrong, or -ENOMEM. The caller releases.
 */
int alert_rule__parse(struct alert_rule *out, const char *text, struct failure *failure);
void alert_rule__release(struct alert_rule *rule);

/*
 * What the rule looks at, of a process that was read; and whether that is too much (or too little).
 */
double alert_rule__measure(const struct alert_rule *rule, const struct findings *findings,
			   double growth_per_minute);
bool alert_rule__is_true(const struct alert_rule *rule, double value);

/*
 * Whether the rule is about a process of which @values, by enum alert_key, are known; NULL: one is
 * not.
 */
bool alert_rule__is_about(const struct alert_rule *rule, const char *const values[ALERT_KEY_CNT]);
