/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Alerts: which rule is true of which process, since when, and whether that was reported. Each
 * fires once, when its rule has been true for long enough and it was looked for who pins (or that
 * takes too long), and is resolved when it is true no more, or the process is gone.
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

/* Alertmanager takes what it has not heard of for 5 minutes for over. */
#define TELL_AGAIN_NS (60 * 1000000000UL)
/* So long an alert waits for who pins. */
#define PINS_WAIT_NS (10 * 1000000000UL)

/* One rule, of one process. */
struct alert {
	size_t rule; /* in the rules */
	pid_t pid;
	uint64_t since_ns; /* CLOCK_MONOTONIC: since when it is true */
	bool is_firing, is_seen;
	bool is_told;	       /* that it fires was reported before */
	uint64_t told_ns;      /* CLOCK_MONOTONIC: when, the last time */
	double value;	       /* the last one */
	struct timespec began; /* CLOCK_REALTIME: when it fired */
	char *name;	       /* of the process, for what is reported after it is gone */
	process_owner owner;   /* of the process */
	/* Who pinned when it fired, as pin_summary__text(); NULL before that. */
	char *types, *sites;
};

/* A process that was read. */
struct alert_subject {
	pid_t pid;
	process_owner owner;
	const char *keys[ALERT_KEY_CNT]; /* NULL: not known; that of comm is */
	const struct findings *findings;
	double growth_per_minute; /* of its arenas, bytes */
	const struct pin_summary *pins;
	/* CLOCK_MONOTONIC: when it was looked for the kinds in there; 0: not yet. */
	uint64_t kinds_ns;
	/*
	 * Out: an alert waits for those kinds; one is firing, or will be if it goes on like this.
	 */
	bool wants_kinds, has_alert;
};

struct alerts {
	struct alert_rule *rules;
	size_t rule_cnt, rule_capacity;
	struct alert *items; /* by process, and of one by rule; see alerts__check() */
	size_t cnt, capacity;
	size_t known_cnt; /* of them, those that the check before this one left */
	uint64_t fired_cnt;
	/* What is due is reported now, whether it is known what pins or not. */
	bool is_last_check;
};

/* Called when an alert fires, each TELL_AGAIN_NS as long as it does, and when it is over. */
typedef void alert_fn(void *context, const struct alert_rule *rule, const struct alert *alert);

void alerts__release(struct alerts *alerts);

/* As alert_rule__parse(); the second one adds those before the first that is refused. */
int alerts__add_rule(struct alerts *alerts, const char *text, struct failure *failure);
int alerts__add_rules(struct alerts *alerts, const struct text_list *rules,
		      struct failure *failure);

/*
 * Takes over the rules of @from, which is empty then. What is known of rules that both have, stays;
 * of others it is over.
 */
void alerts__replace_rules(struct alerts *alerts, struct alerts *from, alert_fn *tell,
			   void *context);

/*
 * Looks at all there are, at @now_ns; each process is there once. There may be as many alerts as
 * rules and processes, so each is found by bisection: those that are new are behind the others, and
 * in order only after the check. Returns 0 or -ENOMEM.
 */
int alerts__check(struct alerts *alerts, struct alert_subject *subjects, size_t cnt,
		  uint64_t now_ns, alert_fn *tell, void *context);

size_t alerts__firing_cnt(const struct alerts *alerts);
