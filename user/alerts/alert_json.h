/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An alert in the format of Alertmanager (API v2, an item of postableAlerts): labels that identify
 * it, annotations for people, when it began and when it ended. It contains no contents of the
 * process's objects.
 */
#pragma once

#include <jansson.h>

#include "alerts/alerts.h"

/* A new reference, or NULL when out of memory. */
json_t *alert_json__pack(const struct alert_rule *rule, const struct alert *alert);
