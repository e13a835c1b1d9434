/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A rule for alerts: "pinned_bytes > 64MiB for 60s". A metric of a process, a comparison, a value, and how long it has to
 * be true before somebody is told.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "report/findings.h"
#include "util/failure.h"

enum alert_metric {
	ALERT_PINNED_BYTES,
	ALERT_PINNED_ARENAS,
	ALERT_HOSTAGE_BYTES,
	ALERT_FRAGMENTATION, /* 0..1 */
	ALERT_ARENA_BYTES,
	ALERT_GROWTH, /* of arenas, bytes a minute */
	ALERT_METRIC_CNT,
};

/* "pinned_bytes", "pinned_arenas", "hostage_bytes", "fragmentation", "arena_bytes", "growth_per_minute" */
extern const char *const alert_metric_names[ALERT_METRIC_CNT];

struct alert_rule {
	char *text; /* as it was given */
	enum alert_metric metric;
	bool below; /* "<"; else ">" */
	double value;
	double for_s;
};

/*
 * Parses "METRIC > VALUE [for TIME]". A value of bytes may have a unit (64MiB), one of fragmentation may be a percentage.
 * Returns 0, -EINVAL and @failure says what is wrong, or -ENOMEM. The caller releases.
 */
int alert_rule__parse(struct alert_rule *out, const char *text, struct failure *failure);
void alert_rule__release(struct alert_rule *rule);

/* What the rule looks at, of a process that was read; and whether that is too much (or too little). */
double alert_rule__measure(const struct alert_rule *rule, const struct findings *findings,
			   double growth_per_minute);
bool alert_rule__is_true(const struct alert_rule *rule, double value);
