/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where alerts are sent: "exec:COMMAND" or the URL of an Alertmanager. Either may contain a
 * password, so messages name a destination only by its label.
 */
#pragma once

#include "util/failure.h"

struct alert_destination {
	char *url;     /* of Alertmanager's API, or NULL */
	char *command; /* to run, or NULL */
	char *label;   /* the URL without password and query, or "exec:" and the program */
};

/*
 * Returns 0; -EINVAL if @text is not a destination; or -ENOMEM. Errors are described. The caller
 * releases @out.
 */
int alert_destination__parse(struct alert_destination *out, const char *text,
			     struct failure *failure);
void alert_destination__release(struct alert_destination *destination);

/*
 * The label of any text, whether it is a destination or not; NULL when out of memory. The caller
 * frees it.
 */
char *alert_destination__label(const char *text);

/* The command of an "exec:" destination, a pointer into @text; NULL for other destinations. */
const char *alert_destination__command_of(const char *text);
