/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes alerts to the log. */
#pragma once

#include "alerts/alerts.h"

/* Logs one line when an alert starts to fire and one when it is resolved. */
void alert_log__write(const struct alert_rule *rule, const struct alert *alert);
