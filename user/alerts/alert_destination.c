// SPDX-License-Identifier: BSD-2-Clause
#include "alerts/alert_destination.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

#define BLANKS	       " \t"
#define COMMAND_PREFIX "exec:"
#define HIDDEN	       "***"

const char *alert_destination__command_of(const char *text)
{
	return strncmp(text, COMMAND_PREFIX, strlen(COMMAND_PREFIX)) != 0
		       ? NULL
		       : text + strlen(COMMAND_PREFIX);
}

/*
 * Of SCHEME://USER:PASSWORD@HOST/PATH?QUERY each part may be missing. USER:PASSWORD ends at the
 * last "@", because a password may contain one.
 */
static char *label_url(const char *text)
{
	const char *scheme_end = strstr(text, "://"), *start = scheme_end ? scheme_end + 3 : text;
	size_t length = strcspn(text, "?#");
	const char *at = memrchr(text, '@', length);
	char *label;

	if (at && at < start)
		at = NULL;
	return asprintf(&label, "%.*s%s%.*s%s", (int)(at ? start - text : 0), text,
			at ? HIDDEN : "", (int)(length - (size_t)(at ? at - text : 0)),
			at ? at : text, text[length] ? "?" HIDDEN : "") < 0
		       ? NULL
		       : label;
}

char *alert_destination__label(const char *text)
{
	const char *command = alert_destination__command_of(text);
	size_t start = command ? strspn(command, BLANKS) : 0;

	if (!command)
		return label_url(text);
	return strndup(text, strlen(COMMAND_PREFIX) + start + strcspn(command + start, BLANKS));
}

void alert_destination__release(struct alert_destination *destination)
{
	free(destination->url);
	free(destination->command);
	free(destination->label);
	*destination = (struct alert_destination){};
}

int alert_destination__parse(struct alert_destination *out, const char *text,
			     struct failure *failure)
{
	_cleanup_(alert_destination__release) struct alert_destination destination = {
		.label = alert_destination__label(text)};
	const char *command = alert_destination__command_of(text);

	if (!destination.label)
		return failure__set(failure, -ENOMEM, "out of memory");
	if (command && command[strspn(command, BLANKS)])
		destination.command = strdup(command);
	else if (strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0)
		return failure__set(
			failure, -EINVAL,
			"cannot send alerts to '%.200s': unknown destination; give exec:COMMAND, "
			"or Alertmanager at http://HOST:PORT",
			destination.label);
	else if (asprintf(&destination.url, "%s/api/v2/alerts", text) < 0)
		destination.url = NULL;
	if (!destination.command && !destination.url)
		return failure__set(failure, -ENOMEM, "out of memory");
	*out = destination;
	destination = (struct alert_destination){};
	return 0;
}
