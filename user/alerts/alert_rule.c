// SPDX-License-Identifier: BSD-2-Clause
#include "alerts/alert_rule.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/units.h"

#define BLANKS	  " \t"
#define WORDS_MAX 16

static const char *const key_names[ALERT_KEY_CNT] = {
	[ALERT_KEY_APP] = "app",
	[ALERT_KEY_COMM] = "comm",
	[ALERT_KEY_USER] = "user",
	[ALERT_KEY_UNIT] = "unit",
};

const char *const alert_metric_names[ALERT_METRIC_CNT] = {
	[ALERT_PINNED_BYTES] = "pinned_bytes",
	[ALERT_PINNED_ARENAS] = "pinned_arenas",
	[ALERT_HOSTAGE_BYTES] = "hostage_bytes",
	[ALERT_FRAGMENTATION] = "fragmentation",
	[ALERT_ARENA_BYTES] = "arena_bytes",
	[ALERT_GROWTH] = "growth_per_minute",
	[ALERT_RSS] = "rss",
	[ALERT_UNEXPLAINED] = "unexplained",
	[ALERT_MALLOC_IN_USE] = "malloc_in_use",
	[ALERT_MALLOC_FREE] = "malloc_free",
	[ALERT_MALLOC_TRIMMABLE] = "malloc_trimmable",
};

void alert_rule__release(struct alert_rule *rule)
{
	free(rule->text);
	for (int i = 0; i < ALERT_KEY_CNT; i++)
		free(rule->patterns[i]);
	*rule = (struct alert_rule){};
}

static int reject(struct failure *failure, const char *text, const char *what)
{
	return failure__set(
		failure, -EINVAL,
		"invalid alert rule '%.200s': %s; example: 'pinned_bytes > 64MiB for 60s'", text,
		what);
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

/* Splits @text in place; the array ends with NULL. Returns false if it has @cnt or more words. */
static bool split(char *text, char **words, size_t cnt)
{
	char *at = NULL, *word = strtok_r(text, BLANKS, &at);

	for (size_t i = 0; i < cnt; i++) {
		words[i] = word;
		if (!word)
			return true;
		word = strtok_r(NULL, BLANKS, &at);
	}
	return false;
}

static int parse_head(struct alert_rule *rule, const char *text, char *const *words,
		      struct failure *failure)
{
	if (!words[0] || !words[1] || !words[2])
		return reject(failure, text, "expected a metric, a comparison and a value");
	if (!parse_metric(words[0], &rule->metric))
		return reject(
			failure, text,
			"unknown metric (expected pinned_bytes, pinned_arenas, hostage_bytes, "
			"fragmentation, arena_bytes, growth_per_minute, rss, unexplained, "
			"malloc_in_use, malloc_free or malloc_trimmable)");
	if (strcmp(words[1], ">") != 0 && strcmp(words[1], "<") != 0)
		return reject(failure, text, "the comparison must be > or <");
	rule->below = *words[1] == '<';
	if (parse_value(rule->metric, words[2], &rule->value))
		return 0;
	return reject(failure, text,
		      rule->metric == ALERT_FRAGMENTATION
			      ? "the value must be a percentage or from 0 to 1, such as 50% or 0.5"
			      : "malformed value");
}

/* KEY=PATTERN */
static int parse_condition(struct alert_rule *rule, const char *text, const char *word,
			   struct failure *failure)
{
	for (int i = 0; i < ALERT_KEY_CNT; i++) {
		size_t length = strlen(key_names[i]);

		if (strncmp(word, key_names[i], length) != 0 || word[length] != '=')
			continue;
		if (rule->patterns[i] || !word[length + 1])
			break;
		rule->patterns[i] = strdup(word + length + 1);
		return rule->patterns[i] ? 0 : failure__set(failure, -ENOMEM, "out of memory");
	}
	return reject(failure, text,
		      "'where' must be followed by conditions of the form KEY=PATTERN; KEY is app, "
		      "comm, user or unit, each at most once");
}

int alert_rule__parse(struct alert_rule *out, const char *text, struct failure *failure)
{
	_cleanup_free_ char *copy = strdup(text);
	_cleanup_(alert_rule__release) struct alert_rule rule = {.text = strdup(text)};
	char *words[WORDS_MAX], **word = words + 3;
	int err;

	if (strlen(text) > ALERT_RULE_BYTES_MAX)
		return reject(failure, text, "it is longer than 1000 bytes");
	if (!copy || !rule.text)
		return failure__set(failure, -ENOMEM, "out of memory");
	if (!split(copy, words, WORDS_MAX))
		return reject(failure, text, "it has too many words");
	err = parse_head(&rule, text, words, failure);
	if (err)
		return err;
	if (*word && !strcmp(*word, "for")) {
		if (!word[1] || !units__parse_seconds(word[1], &rule.for_s))
			return reject(failure, text, "'for' must be followed by a time");
		word += 2;
	}
	if (*word && (strcmp(*word, "where") != 0 || !word[1]))
		return reject(failure, text,
			      "only 'for' and a time, and then 'where' and conditions, may follow "
			      "the value; both are optional");
	for (word += *word != NULL; *word && !err; word++)
		err = parse_condition(&rule, text, *word, failure);
	if (err)
		return err;
	*out = rule;
	rule = (struct alert_rule){};
	return 0;
}

bool alert_rule__needs_memory(const struct alert_rule *rule)
{
	return rule->metric >= ALERT_RSS && rule->metric <= ALERT_MALLOC_TRIMMABLE;
}

static double known(uint64_t bytes)
{
	return bytes == FIGURE_UNKNOWN ? (double)NAN : (double)bytes;
}

double alert_rule__measure(const struct alert_rule *rule, const struct alert_measures *measures)
{
	const struct findings *findings = measures->findings;
	const struct heap_totals *totals = &findings->measure.totals;

	switch (rule->metric) {
	case ALERT_PINNED_BYTES:
		return (double)findings->pinned.bytes;
	case ALERT_PINNED_ARENAS:
		return (double)findings->pinned.region_cnt;
	case ALERT_HOSTAGE_BYTES:
		return (double)findings->pinned.hostage_bytes;
	case ALERT_FRAGMENTATION:
		return heap_totals__fragmentation(totals);
	case ALERT_ARENA_BYTES:
		return (double)totals->region_bytes;
	case ALERT_RSS:
		return known(measures->memory.rss);
	case ALERT_UNEXPLAINED:
		return known(measures->memory.unexplained);
	case ALERT_MALLOC_IN_USE:
		return known(measures->memory.malloc_in_use);
	case ALERT_MALLOC_FREE:
		return known(measures->memory.malloc_free);
	case ALERT_MALLOC_TRIMMABLE:
		return known(measures->memory.malloc_trimmable);
	default:
		return measures->growth_per_minute;
	}
}

bool alert_rule__is_true(const struct alert_rule *rule, double value)
{
	return rule->below ? value < rule->value : value > rule->value;
}

bool alert_rule__is_about(const struct alert_rule *rule, const char *const values[ALERT_KEY_CNT])
{
	for (int i = 0; i < ALERT_KEY_CNT; i++)
		if (rule->patterns[i] &&
		    (!values[i] || fnmatch(rule->patterns[i], values[i], 0) != 0))
			return false;
	return true;
}
