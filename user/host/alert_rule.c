// SPDX-License-Identifier: BSD-2-Clause
#include "host/alert_rule.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/units.h"

#define BLANKS " \t"

const char *const alert_metric_names[ALERT_METRIC_CNT] = {
	[ALERT_PINNED_BYTES] = "pinned_bytes",	 [ALERT_PINNED_ARENAS] = "pinned_arenas",
	[ALERT_HOSTAGE_BYTES] = "hostage_bytes", [ALERT_FRAGMENTATION] = "fragmentation",
	[ALERT_ARENA_BYTES] = "arena_bytes",	 [ALERT_GROWTH] = "growth_per_minute",
};

void alert_rule__release(struct alert_rule *rule)
{
	free(rule->text);
	*rule = (struct alert_rule){};
}

static int reject(struct failure *failure, const char *text, const char *what)
{
	return failure__set(failure, -EINVAL,
			    "alert '%.200s': %s; a rule is such as 'pinned_bytes > 64MiB for 60s'",
			    text, what);
}

static bool parse_metric(const char *word, enum alert_metric *metric)
{
	for (int i = 0; i < ALERT_METRIC_CNT; i++)
		if (!strcmp(word, alert_metric_names[i])) {
			*metric = (enum alert_metric)i;
			return true;
		}
	return false;
}

static bool parse_value(enum alert_metric metric, const char *word, double *value)
{
	uint64_t bytes;
	char *end;

	if (metric == ALERT_FRAGMENTATION && strchr(word, '%'))
		return units__parse_percent(word, value);
	if (metric == ALERT_FRAGMENTATION || metric == ALERT_PINNED_ARENAS) {
		errno = 0;
		*value = strtod(word, &end);
		return !errno && end != word && !*end && isfinite(*value) && *value >= 0 &&
		       (metric != ALERT_FRAGMENTATION || *value <= 1);
	}
	if (!units__parse_bytes(word, &bytes))
		return false;
	*value = (double)bytes;
	return true;
}

/* The words of a rule, of which the copy is cut up; missing ones are NULL. */
struct words {
	char *metric, *comparison, *value, *with_for, *time, *rest;
};

static struct words split(char *text)
{
	struct words words = {};
	char *at = NULL;

	words.metric = strtok_r(text, BLANKS, &at);
	words.comparison = words.metric ? strtok_r(NULL, BLANKS, &at) : NULL;
	words.value = words.comparison ? strtok_r(NULL, BLANKS, &at) : NULL;
	words.with_for = words.value ? strtok_r(NULL, BLANKS, &at) : NULL;
	words.time = words.with_for ? strtok_r(NULL, BLANKS, &at) : NULL;
	words.rest = words.time ? strtok_r(NULL, BLANKS, &at) : NULL;
	return words;
}

int alert_rule__parse(struct alert_rule *out, const char *text, struct failure *failure)
{
	_cleanup_free_ char *copy = strdup(text);
	struct alert_rule rule = {};
	struct words words;

	if (!copy)
		return failure__set(failure, -ENOMEM, "out of memory");
	words = split(copy);
	if (!words.value)
		return reject(failure, text, "it wants a metric, a comparison and a value");
	if (!parse_metric(words.metric, &rule.metric))
		return reject(
			failure, text,
			"there is no such metric: pinned_bytes, pinned_arenas, hostage_bytes, "
			"fragmentation, arena_bytes, growth_per_minute");
	if (strcmp(words.comparison, ">") != 0 && strcmp(words.comparison, "<") != 0)
		return reject(failure, text, "what compares is > or <");
	rule.below = *words.comparison == '<';
	if (!parse_value(rule.metric, words.value, &rule.value))
		return reject(failure, text, "its value makes no sense");
	if (words.with_for && (strcmp(words.with_for, "for") != 0 || !words.time || words.rest ||
			       !units__parse_seconds(words.time, &rule.for_s)))
		return reject(failure, text, "what follows the value is 'for' and a time");
	rule.text = strdup(text);
	if (!rule.text)
		return failure__set(failure, -ENOMEM, "out of memory");
	*out = rule;
	return 0;
}

double alert_rule__measure(const struct alert_rule *rule, const struct findings *findings,
			   double growth_per_minute)
{
	const struct heap_totals *totals = &findings->measure.totals;

	switch (rule->metric) {
	case ALERT_PINNED_BYTES:
		return (double)findings->pinned.bytes;
	case ALERT_PINNED_ARENAS:
		return (double)findings->pinned.arena_cnt;
	case ALERT_HOSTAGE_BYTES:
		return (double)findings->pinned.hostage_bytes;
	case ALERT_FRAGMENTATION:
		return heap_totals__fragmentation(totals);
	case ALERT_ARENA_BYTES:
		return (double)totals->arena_bytes;
	default:
		return growth_per_minute;
	}
}

bool alert_rule__is_true(const struct alert_rule *rule, double value)
{
	return rule->below ? value < rule->value : value > rule->value;
}
