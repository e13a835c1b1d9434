// SPDX-License-Identifier: BSD-2-Clause
#include "agent/runner.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/alert_wire.h"
#include "agent/confinement.h"
#include "host/alert_command.h"
#include "host/alert_destination.h"
#include "util/cleanup.h"
#include "util/log.h"

/* One at a time, whichever thread asks. */
static struct {
	pthread_mutex_t lock;
	int fd;
	const struct runner_options *options;
} in_use = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static int run_command(const struct runner_options *options, const struct message *message)
{
	struct alert_message alert;
	unsigned int number;
	const char *command;
	int err = alert_wire__unpack_command(message, &number, &alert);

	if (err)
		return err;
	command = number < options->cnt ? alert_destination__command_of(options->alert_to[number])
					: NULL;
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
	/* Nothing is asked while a command runs, so then it can only be closed. */
	alert_command__end_with(fd);
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
		const char *found = alert_destination__command_of(in_use.options->alert_to[i]);

		if (found && !strcmp(found, command)) {
			*number = (unsigned int)i;
			return 0;
		}
	}
	return -ENOENT;
}

/* With the lock held. */
static int ask_for(unsigned int number, const struct alert_message *alert)
{
	static const message_limits limits = {[MESSAGE_COMMAND_RESULT] = sizeof(uint64_t) + 1};
	_cleanup_(packer__release) struct packer packer = {};
	_cleanup_(message__release) struct message message = {};
	struct inbox inbox = {.fd = in_use.fd, .limits = limits};
	struct cursor cursor;
	int err, result;

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

/* In place of alert_command__run(). */
static int ask(const char *command, const struct alert_message *alert)
{
	unsigned int number;
	int err = find_number(command, &number);

	if (err)
		return err;
	pthread_mutex_lock(&in_use.lock);
	err = ask_for(number, alert);
	pthread_mutex_unlock(&in_use.lock);
	return err;
}

/* The runner ends what it runs when its socket is closed. */
static void end_all(void)
{
	shutdown(in_use.fd, SHUT_RDWR);
}

void runner__use(int fd, const struct runner_options *options)
{
	static const struct alert_command_proxy proxy = {.run = ask, .end_all = end_all};

	in_use.fd = fd;
	in_use.options = options;
	alert_command__run_by(&proxy);
}
