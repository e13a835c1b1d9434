/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where alerts go: "exec:COMMAND", or Alertmanager's URL. Both may have a password in them, so
 * messages name a destination by its label.
 */
#pragma once

#include "util/failure.h"

struct alert_destination {
	char *url;     /* of Alertmanager's API; else */
	char *command; /* that is run */
	char *label;   /* the URL without its password and its query; "exec:" and the program */
};

/* Returns 0; -EINVAL: it is none; -ENOMEM. Errors are described. The caller releases. */
int alert_destination__parse(struct alert_destination *out, const char *text,
			     struct failure *failure);
void alert_destination__release(struct alert_destination *destination);

/*
 * The label of any text, whether it is a destination or not; NULL without memory. The caller frees.
 */
char *alert_destination__label(const char *text);

/* The command, if it is one that will be run; else NULL. It lies in @text. */
const char *alert_destination__command_of(const char *text);
