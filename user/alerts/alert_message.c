// SPDX-License-Identifier: BSD-2-Clause
#include "alerts/alert_message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/alert_json.h"
#include "util/cleanup.h"

void alert_message__release(struct alert_message *message)
{
	free(message->json);
	free(message->rule);
	free(message->name);
	free(message->types);
	free(message->sites);
	*message = (struct alert_message){};
}

int alert_message__init(struct alert_message *out, const struct alert_rule *rule,
			const struct alert *alert)
{
	_cleanup_(alert_message__release) struct alert_message message = {
		.is_firing = alert->is_firing,
		.pid = alert->pid,
		.value = alert->value,
		.rule = strdup(rule->text),
		.name = strdup(alert->name),
		.owner = alert->owner,
		.types = strdup(alert->types),
		.sites = strdup(alert->sites),
	};
	json_t *packed = alert_json__pack(rule, alert);

	message.json = packed ? json_dumps(packed, JSON_COMPACT) : NULL;
	json_decref(packed);
	if (!message.json || !message.rule || !message.name || !message.types || !message.sites)
		return -ENOMEM;
	*out = message;
	message = (struct alert_message){};
	return 0;
}
