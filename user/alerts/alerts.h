/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Alerts: which rule is true for which process, since when, and whether this was reported. An alert
 * fires once, when its rule has been true for long enough and the heap was examined for what pins
 * (or that takes too long). It is resolved when the rule is no longer true or the process is gone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "alerts/alert_rule.h"
#include "analysis/pin_summary.h"
#include "target/process_owner.h"
#include "util/text_list.h"

/* Alertmanager considers an alert resolved if it is not sent again within 5 minutes. */
#define REPORT_AGAIN_NS (60 * 1000000000UL)
/* How long an alert waits to learn what pins. */
#define PINS_WAIT_NS (10 * 1000000000UL)

/* The state of one rule for one process. */
struct alert {
	size_t rule; /* index into the rules */
	pid_t pid;
	uint64_t since_ns; /* CLOCK_MONOTONIC: when the rule became true */
	bool is_firing, is_seen;
	bool is_reported;      /* whether it was reported as firing before */
	uint64_t reported_ns;  /* CLOCK_MONOTONIC: when it was last reported */
	double value;	       /* of the metric, when last checked */
	struct timespec began; /* CLOCK_REALTIME: when it started to fire */
	char *name;	       /* of the process, to report its end after the process is gone */
	process_owner owner;   /* of the process */
	/* What pinned when it started to fire, see pin_summary__text(); NULL before that. */
	char *types, *sites;
};

/* A process that has been read. */
struct alert_subject {
	pid_t pid;
	process_owner owner;
	const char *keys[ALERT_KEY_CNT]; /* NULL: not known; comm always is */
	struct alert_measures measures;
	const struct pin_summary *pins;
	/* CLOCK_MONOTONIC: when the kinds in @pins were determined; 0: not yet. */
	uint64_t kinds_ns;
	/*
	 * Output: whether an alert waits for the kinds, and whether one fires or will if the rule
	 * stays true.
	 */
	bool wants_kinds, has_alert;
};

struct alerts {
	struct alert_rule *rules;
	size_t rule_cnt, rule_capacity;
	struct alert *items; /* sorted by process, then rule; see alerts__check() */
	size_t cnt, capacity;
	size_t known_cnt; /* number of sorted items, those left by the previous check */
	uint64_t fired_cnt;
	/* Alerts that are due fire now, whether it is known what pins or not. */
	bool is_last_check;
};

/* Called when an alert fires, every REPORT_AGAIN_NS while it does, and when it is resolved. */
typedef void alert_fn(void *context, const struct alert_rule *rule, const struct alert *alert);

void alerts__release(struct alerts *alerts);

/*
 * See alert_rule__parse(). If alerts__add_rules() fails, the rules before the invalid one remain
 * added.
 */
int alerts__add_rule(struct alerts *alerts, const char *text, struct failure *failure);
int alerts__add_rules(struct alerts *alerts, const struct text_list *rules,
		      struct failure *failure);

/*
 * Replaces the rules by those of @from, which is empty afterwards. Alerts of rules that are in both
 * keep their state; those of other rules end.
 */
void alerts__replace_rules(struct alerts *alerts, struct alerts *from, alert_fn *report,
			   void *context);

/*
 * Checks all processes at @now_ns (CLOCK_MONOTONIC); each appears once in @subjects. There may be
 * an alert for each pair of rule and process, so they are found by bisection: new ones are
 * appended, and sorted in only at the end. Returns 0 or -ENOMEM.
 */
int alerts__check(struct alerts *alerts, struct alert_subject *subjects, size_t cnt,
		  uint64_t now_ns, alert_fn *report, void *context);

/* Whether a rule needs the memory of processes beyond their arenas. */
bool alerts__need_memory(const struct alerts *alerts);

size_t alerts__firing_cnt(const struct alerts *alerts);
