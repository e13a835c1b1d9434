/* SPDX-License-Identifier: BSD-2-Clause */
/* An alert as a line of the log. */
#pragma once

#include "alerts/alerts.h"

/* Once when it fires, and once when it is over. */
void alert_log__write(const struct alert_rule *rule, const struct alert *alert);
