// SPDX-License-Identifier: BSD-2-Clause
#include "agent/alert_wire.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/text.h"

#define TEXT_MAX (16UL << 10)
#define JSON_MAX (400UL << 10) /* texts as JSON: at most 6 bytes for each byte */
/* The year 9999, the last that a date can show. */
#define TIME_MAX 253402300799ULL

enum {
	IS_FIRING = 1,
	IS_REPORTED = 2,
};

/* Cuts @text to what the receiver accepts: a longer text would end the agent. */
static void add_text(struct packer *packer, const char *text)
{
	_cleanup_free_ char *cut =
		text && strlen(text) > TEXT_MAX ? text__shorten(text, TEXT_MAX) : NULL;

	packer__add_text(packer, cut ? cut : text);
}

void alert_wire__pack(struct packer *packer, const struct alert_rule *rule,
		      const struct alert *alert)
{
	packer__add_u64(packer, (alert->is_firing ? IS_FIRING : 0) |
					(alert->is_reported ? IS_REPORTED : 0));
	packer__add_u64(packer, rule->metric);
	packer__add_u64(packer, (uint64_t)alert->pid);
	packer__add_u64(packer, alert->owner);
	packer__add_u64(packer, (uint64_t)alert->began.tv_sec);
	packer__add_double(packer, alert->value);
	add_text(packer, rule->text);
	add_text(packer, alert->name);
	add_text(packer, alert->types);
	add_text(packer, alert->sites);
}

static pid_t take_pid(struct cursor *cursor)
{
	uint64_t pid = cursor__u64(cursor);

	cursor->failed |= pid > INT_MAX;
	return cursor->failed ? 0 : (pid_t)pid;
}

/* The cast is safe: nobody writes to these texts. */
static char *take_text(struct cursor *cursor, size_t max)
{
	return (char *)cursor__text(cursor, max);
}

int alert_wire__unpack(const struct message *message, struct alert_rule *rule, struct alert *alert)
{
	struct cursor cursor = cursor__of(message);
	uint64_t flags = cursor__u64(&cursor), metric = cursor__u64(&cursor), began;

	*rule = (struct alert_rule){};
	*alert = (struct alert){.is_firing = flags & IS_FIRING, .is_reported = flags & IS_REPORTED};
	alert->pid = take_pid(&cursor);
	alert->owner = cursor__u64(&cursor);
	began = cursor__u64(&cursor);
	alert->value = cursor__double(&cursor);
	rule->text = take_text(&cursor, TEXT_MAX);
	alert->name = take_text(&cursor, TEXT_MAX);
	alert->types = take_text(&cursor, TEXT_MAX);
	alert->sites = take_text(&cursor, TEXT_MAX);
	if (!cursor__is_done(&cursor) || metric >= ALERT_METRIC_CNT || began > TIME_MAX)
		return -EPROTO;
	rule->metric = (enum alert_metric)metric;
	alert->began.tv_sec = (time_t)began;
	return 0;
}

void alert_wire__pack_command(struct packer *packer, const struct command_call *call,
			      const struct alert_message *alert)
{
	packer__add_u64(packer, call->number);
	packer__add_u64(packer, call->command);
	packer__add_u64(packer, alert->is_firing ? IS_FIRING : 0);
	packer__add_u64(packer, (uint64_t)alert->pid);
	packer__add_double(packer, alert->value);
	packer__add_text(packer, alert->json);
	add_text(packer, alert->rule);
	add_text(packer, alert->name);
	add_text(packer, alert->types);
	add_text(packer, alert->sites);
}

int alert_wire__unpack_command(const struct message *message, struct command_call *call,
			       struct alert_message *alert)
{
	struct cursor cursor = cursor__of(message);
	uint64_t number = cursor__u64(&cursor), which = cursor__u64(&cursor),
		 flags = cursor__u64(&cursor);

	*call = (struct command_call){.number = number};
	*alert = (struct alert_message){.is_firing = flags & IS_FIRING};
	alert->pid = take_pid(&cursor);
	alert->value = cursor__double(&cursor);
	alert->json = take_text(&cursor, JSON_MAX);
	alert->rule = take_text(&cursor, TEXT_MAX);
	alert->name = take_text(&cursor, TEXT_MAX);
	alert->types = take_text(&cursor, TEXT_MAX);
	alert->sites = take_text(&cursor, TEXT_MAX);
	if (!cursor__is_done(&cursor) || which > UINT_MAX)
		return -EPROTO;
	call->command = (unsigned int)which;
	return 0;
}
