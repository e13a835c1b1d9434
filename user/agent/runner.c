// SPDX-License-Identifier: BSD-2-Clause
#include "agent/runner.h"

#include <errno.h>
#include <string.h>

#include "agent/alert_wire.h"
#include "agent/confinement.h"
#include "host/alert_command.h"
#include "host/alert_sender.h"
#include "util/cleanup.h"
#include "util/log.h"

/* One at a time: the sender waits for it. */
static struct {
	int fd;
	const struct runner_options *options;
} in_use = {.fd = -1};

static int run_command(const struct runner_options *options, const struct message *message)
{
	struct alert_message alert;
	unsigned int number;
	const char *command;
	int err = alert_wire__unpack_command(message, &number, &alert);

	if (err)
		return err;
	command =
		number < options->cnt ? alert_sender__command_of(options->alert_to[number]) : NULL;
	return command ? alert_command__run(command, &alert) : -ENOENT;
}

static int answer(int fd, int result)
{
	_cleanup_(packer__release) struct packer packer = {};

	packer__add_u64(&packer, (uint64_t)(int64_t)result);
	return message__send(fd, MESSAGE_COMMAND_RESULT, &packer, MESSAGE_WAIT);
}

int runner__run(int fd, const void *context)
{
	static const message_limits limits = {[MESSAGE_COMMAND] = COMMAND_WIRE_BYTES_MAX};
	struct inbox inbox = {.fd = fd, .limits = limits};
	struct failure failure;
	int err = confinement__of_runner(&failure);

	if (err)
		log_error("%s", failure.text);
	while (!err) {
		_cleanup_(message__release) struct message message = {};
		int result = inbox__take(&inbox, &message);

		err = result < 0 ? result : answer(fd, run_command(context, &message));
	}
	inbox__release(&inbox);
	return err == -EPIPE ? 0 : 1;
}

static int find_number(const char *command, unsigned int *number)
{
	for (size_t i = 0; i < in_use.options->cnt; i++) {
		const char *found = alert_sender__command_of(in_use.options->alert_to[i]);

		if (found && !strcmp(found, command)) {
			*number = (unsigned int)i;
			return 0;
		}
	}
	return -ENOENT;
}

/* In place of alert_command__run(). */
static int ask(const char *command, const struct alert_message *alert)
{
	static const message_limits limits = {[MESSAGE_COMMAND_RESULT] = sizeof(uint64_t) + 1};
	_cleanup_(packer__release) struct packer packer = {};
	_cleanup_(message__release) struct message message = {};
	struct inbox inbox = {.fd = in_use.fd, .limits = limits};
	struct cursor cursor;
	unsigned int number;
	int err = find_number(command, &number), result;

	if (err)
		return err;
	alert_wire__pack_command(&packer, number, alert);
	err = message__send(in_use.fd, MESSAGE_COMMAND, &packer, MESSAGE_WAIT);
	if (!err)
		err = inbox__take(&inbox, &message);
	inbox__release(&inbox);
	if (err < 0)
		return err;
	cursor = cursor__of(&message);
	result = (int)(int64_t)cursor__u64(&cursor);
	return cursor__is_done(&cursor) ? result : -EPROTO;
}

void runner__use(int fd, const struct runner_options *options)
{
	in_use.fd = fd;
	in_use.options = options;
	alert_command__run_by(ask);
}
