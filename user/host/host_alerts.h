/* SPDX-License-Identifier: BSD-2-Clause */
/* Alerts about all Pythons of a host. */
#pragma once

#include "alerts/alerts.h"
#include "host/host.h"

/*
 * Checks all Pythons that have been read, and notes in them what an alert needs to know. Returns 0
 * or -ENOMEM.
 */
int host_alerts__check(struct alerts *alerts, const struct host *host, alert_fn *report,
		       void *context);
