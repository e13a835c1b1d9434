// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: whatever one process of the agent sends to another, the receiver takes no more than the
 * permitted size, and an unpacked alert has texts inside its message, an existing metric, a number,
 * and a time that is a valid date.
 *
 * Input: what arrives at a socket.
 */
#include <errno.h>
#include <math.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/alert_wire.h"
#include "agent/message.h"
#include "fuzz.h"

static void check_text(const struct message *message, const char *text)
{
	const char *start = (const char *)message->bytes, *end = start + message->size;

	CHECK(!*text || (text >= start && text + strlen(text) < end));
}

static void check_alert(const struct message *message)
{
	struct alert_rule rule;
	struct alert alert;
	int err = alert_wire__unpack(message, &rule, &alert);

	CHECK(!err || err == -EPROTO);
	if (err)
		return;
	check_text(message, rule.text);
	check_text(message, alert.name);
	check_text(message, alert.types);
	check_text(message, alert.sites);
	CHECK(rule.metric < ALERT_METRIC_CNT && alert.pid >= 0 && isfinite(alert.value));
	CHECK(gmtime(&alert.began.tv_sec));
}

static void check_command(const struct message *message)
{
	struct alert_message alert;
	struct command_call call;
	int err = alert_wire__unpack_command(message, &call, &alert);

	CHECK(!err || err == -EPROTO);
	if (err)
		return;
	check_text(message, alert.json);
	check_text(message, alert.rule);
	check_text(message, alert.name);
	check_text(message, alert.types);
	check_text(message, alert.sites);
	CHECK(alert.pid >= 0 && isfinite(alert.value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const message_limits limits = {
		[MESSAGE_READY] = 1, [MESSAGE_ALERT] = 2048, [MESSAGE_COMMAND] = 2048};
	struct inbox inbox = {.limits = limits};
	struct message message;
	int fds[2], result;

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
	inbox.fd = fds[1];
	CHECK(write(fds[0], data, size) == (ssize_t)size);
	while ((result = inbox__take(&inbox, &message)) > 0) {
		CHECK(message.size < limits[message.type]);
		if (message.type == MESSAGE_ALERT)
			check_alert(&message);
		else if (message.type == MESSAGE_COMMAND)
			check_command(&message);
		message__release(&message);
	}
	CHECK(result == 0 || result == -EPROTO);
	inbox__release(&inbox);
	close(fds[0]);
	close(fds[1]);
	return 0;
}
