/* SPDX-License-Identifier: BSD-2-Clause */
/* Alerts about all Pythons of a host. */
#pragma once

#include "alerts/alerts.h"
#include "host/host.h"

/*
 * Looks at all that were read, which learn what an alert wants to know of them. Returns 0 or
 * -ENOMEM.
 */
int host_alerts__check(struct alerts *alerts, const struct host *host, alert_fn *tell,
		       void *context);
