// SPDX-License-Identifier: BSD-2-Clause
#include "alerts/alert_json.h"

#include <stdio.h>
#include <unistd.h>

#include "output/json_values.h"

#define HOST_BYTES 256
#define TIME_BYTES 32

static void write_time(const struct timespec *time, char *text)
{
	struct tm utc;

	gmtime_r(&time->tv_sec, &utc);
	strftime(text, TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static json_t *pack_labels(const struct alert_rule *rule, const struct alert *alert)
{
	char host[HOST_BYTES] = "", pid[16];

	gethostname(host, sizeof(host) - 1);
	snprintf(pid, sizeof(pid), "%d", alert->pid);
	return json_pack("{s:s, s:s, s:o, s:s, s:o, s:o}", "alertname", "pyfrag", "metric",
			 alert_metric_names[rule->metric], "rule", json_values__text(rule->text),
			 "pid", pid, "process", json_values__text(alert->name), "instance",
			 json_values__text(host));
}

static json_t *pack_annotations(const struct alert *alert, const char *summary)
{
	json_t *packed = json_pack("{s:o}", "summary", json_values__text(summary));

	if (*alert->types)
		json_values__set(&packed, "types", json_values__text(alert->types));
	if (*alert->sites)
		json_values__set(&packed, "sites", json_values__text(alert->sites));
	return packed;
}

json_t *alert_json__pack(const struct alert_rule *rule, const struct alert *alert)
{
	char began[TIME_BYTES], ended[TIME_BYTES], summary[512];
	struct timespec now;
	json_t *packed;

	clock_gettime(CLOCK_REALTIME, &now);
	write_time(&alert->began, began);
	write_time(&now, ended);
	snprintf(summary, sizeof(summary), "process %d (%s): %s: %.6g", alert->pid, alert->name,
		 rule->text, alert->value);
	packed = json_pack("{s:o, s:o, s:s}", "labels", pack_labels(rule, alert), "annotations",
			   pack_annotations(alert, summary), "startsAt", began);
	if (!alert->is_firing)
		json_values__set(&packed, "endsAt", json_string(ended));
	return packed;
}
