/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An alert as Alertmanager takes it (API v2, an item of postableAlerts): labels that say which one
 * it is, annotations for a person, when it began and when it was over. Nothing of what the process'
 * data says is in it.
 */
#pragma once

#include <jansson.h>

#include "alerts/alerts.h"

/* A new reference, or NULL when out of memory. */
json_t *alert_json__pack(const struct alert_rule *rule, const struct alert *alert);
