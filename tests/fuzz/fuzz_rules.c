// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: alert rules, alert destinations, addresses and Host headers that are accepted are
 * well-formed, those that are refused get an error message, and no password gets into a label.
 */
#include <math.h>
#include <stdbool.h>

#include "alerts/alert_destination.h"
#include "alerts/alert_rule.h"
#include "fuzz.h"
#include "host/http_address.h"
#include "util/cleanup.h"

static void check_rule(const char *text)
{
	static const char *const values[ALERT_KEY_CNT] = {"app.py", "python3", "root", "unit"};
	_cleanup_(alert_rule__release) struct alert_rule rule = {};
	struct failure failure = {};

	if (alert_rule__parse(&rule, text, &failure)) {
		CHECK(*failure.text && !rule.text);
		return;
	}
	CHECK(!strcmp(rule.text, text) && strlen(text) <= ALERT_RULE_BYTES_MAX);
	CHECK(rule.metric < ALERT_METRIC_CNT && isfinite(rule.value) && isfinite(rule.for_s));
	CHECK(rule.for_s >= 0);
	CHECK(alert_rule__is_true(&rule, rule.value) == false);
	alert_rule__is_about(&rule, values);
}

static void check_destination(const char *text)
{
	_cleanup_(alert_destination__release) struct alert_destination to = {};
	_cleanup_free_ char *label = alert_destination__label(text);
	struct failure failure = {};
	int err = alert_destination__parse(&to, text, &failure);

	CHECK(label);
	CHECK(err ? *failure.text && !to.url && !to.command : !to.url != !to.command);
	CHECK(err || !strcmp(to.label, label));
	/* For a URL with "@" before its query, the label contains only what follows the "@". */
	if (to.url && strchr(label, '@'))
		CHECK(strstr(label, "***@"));
}

static void check_address(const char *text)
{
	char host[64];
	const char *port;

	if (http_address__split(text, host, sizeof(host), &port))
		CHECK(*host && strlen(host) < sizeof(host) && atoi(port) > 0 && atoi(port) < 65536);
	/* Only the exact names, and a port. */
	if (http_address__names_loopback(text))
		CHECK(!strncasecmp(text, "localhost", 9) || !strncmp(text, "127.", 4) ||
		      *text == '[');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = calloc(1, size + 1);

	CHECK(text);
	if (size)
		memcpy(text, data, size);
	check_rule(text);
	check_destination(text);
	check_address(text);
	return 0;
}
