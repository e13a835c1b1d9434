// SPDX-License-Identifier: BSD-2-Clause
#include "alerts/alert_log.h"

#include <stdio.h>

#include "util/log.h"
#include "util/units.h"

static struct units_text describe(const struct alert_rule *rule, double value)
{
	struct units_text text;

	switch (rule->metric) {
	case ALERT_FRAGMENTATION:
		return units__percent(value);
	case ALERT_PINNED_ARENAS:
		return units__count((uint64_t)value);
	default:
		text = units__bytes((uint64_t)(value < 0 ? -value : value));
		if (value < 0)
			snprintf(text.text, sizeof(text.text), "-%s",
				 units__bytes((uint64_t)-value).text);
		return text;
	}
}

void alert_log__write(const struct alert_rule *rule, const struct alert *alert)
{
	bool has_types = alert->is_firing && *alert->types,
	     has_sites = alert->is_firing && *alert->sites;

	if (alert->is_firing && alert->is_reported)
		return;
	log_warning("alert %s: %s: process %d (%s): %s%s%s%s%s",
		    alert->is_firing ? "firing" : "resolved", rule->text, alert->pid, alert->name,
		    describe(rule, alert->value).text, has_types ? "; pinned by " : "",
		    has_types ? alert->types : "", has_sites ? "; pools were taken at " : "",
		    has_sites ? alert->sites : "");
}
