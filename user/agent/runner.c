// SPDX-License-Identifier: BSD-2-Clause
#include "agent/runner.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/alert_wire.h"
#include "agent/confinement.h"
#include "alerts/alert_command.h"
#include "alerts/alert_destination.h"
#include "alerts/alert_sender.h"
#include "util/cleanup.h"
#include "util/log.h"

/* The server has no more threads than that. */
#define RUNNING_MAX (ALERT_DESTINATIONS_MAX * ALERT_COMMANDS_AT_ONCE)

/* State of the runner's process, which has a thread for each running command. */
struct runner {
	int fd;
	const struct runner_options *options;
	pthread_mutex_t lock; /* protects the fields below, and sending */
	pthread_cond_t ended;
	size_t running_cnt;
};

struct task {
	struct runner *runner;
	struct message message;
};

static void task__free(struct task *task)
{
	if (!task)
		return;
	message__release(&task->message);
	free(task);
}

static void task__freep(struct task **task)
{
	task__free(*task);
}

static int answer(int fd, uint64_t call, int result)
{
	_cleanup_(packer__release) struct packer packer = {};

	packer__add_u64(&packer, call);
	packer__add_u64(&packer, (uint64_t)(int64_t)result);
	return message__send(fd, MESSAGE_COMMAND_RESULT, &packer, MESSAGE_WAIT);
}

static int run_command(const struct runner_options *options, const struct message *message,
		       uint64_t *call_number)
{
	struct alert_message alert;
	struct command_call call = {};
	const char *command;
	int err = alert_wire__unpack_command(message, &call, &alert);

	*call_number = call.number;
	if (err)
		return err;
	command = call.command < options->cnt
			  ? alert_destination__command_of(options->alert_to[call.command])
			  : NULL;
	return command ? alert_command__run(command, &alert) : -ENOENT;
}

static void *run_task(void *context)
{
	_cleanup_(task__freep) struct task *task = context;
	struct runner *runner = task->runner;
	uint64_t call;
	int result = run_command(runner->options, &task->message, &call);

	pthread_mutex_lock(&runner->lock);
	/* If sending fails, the server is gone, and so the runner ends anyway. */
	answer(runner->fd, call, result);
	runner->running_cnt--;
	pthread_cond_signal(&runner->ended);
	pthread_mutex_unlock(&runner->lock);
	return NULL;
}

/* Call with the lock held. Takes ownership of the message if it returns 0. */
static int start_task(struct runner *runner, struct message *message)
{
	struct task *task = calloc(1, sizeof(*task));
	pthread_t thread;
	int err;

	if (!task)
		return -ENOMEM;
	*task = (struct task){.runner = runner, .message = *message};
	err = runner->running_cnt < RUNNING_MAX ? pthread_create(&thread, NULL, run_task, task)
						: EBUSY;
	if (err) {
		free(task);
		return -err;
	}
	*message = (struct message){};
	pthread_detach(thread);
	runner->running_cnt++;
	return 0;
}

/* Call with the lock held. */
static int start_or_refuse(struct runner *runner, struct message *message)
{
	struct alert_message alert;
	struct command_call call;
	int err = start_task(runner, message);

	if (!err || alert_wire__unpack_command(message, &call, &alert))
		return err;
	return answer(runner->fd, call.number, err);
}

static int take_tasks(struct runner *runner)
{
	static const message_limits limits = {[MESSAGE_COMMAND] = COMMAND_WIRE_BYTES_MAX};
	struct inbox inbox = {.fd = runner->fd, .limits = limits};
	int err = 0;

	while (!err) {
		_cleanup_(message__release) struct message message = {};

		err = inbox__take(&inbox, &message);
		if (err < 0)
			break;
		pthread_mutex_lock(&runner->lock);
		err = start_or_refuse(runner, &message);
		pthread_mutex_unlock(&runner->lock);
	}
	inbox__release(&inbox);
	return err;
}

int runner__run(int fd, const void *context)
{
	struct runner runner = {.fd = fd,
				.options = context,
				.lock = PTHREAD_MUTEX_INITIALIZER,
				.ended = PTHREAD_COND_INITIALIZER};
	struct failure failure;
	int err = confinement__of_runner(&failure);

	if (err) {
		log_error("%s", failure.text);
		return 1;
	}
	err = take_tasks(&runner);
	alert_command__end_all();
	pthread_mutex_lock(&runner.lock);
	while (runner.running_cnt)
		pthread_cond_wait(&runner.ended, &runner.lock);
	pthread_mutex_unlock(&runner.lock);
	return err == -EPIPE ? 0 : 1;
}

/*
 * The client's side. Several threads may wait for results at the same time; one of them receives
 * the results of all.
 */
struct call {
	uint64_t number;
	bool is_done;
	int result;
	struct call *next;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int fd;
	const struct runner_options *options;
	struct inbox inbox; /* used by the thread that receives results */
	struct call *calls; /* waiting for a result */
	uint64_t call_cnt;
	bool is_taking;
	int err; /* why no more results come */
} in_use = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .fd = -1};

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

/* Waits for a result. Call without the lock. */
static int take_result(struct call *out)
{
	_cleanup_(message__release) struct message message = {};
	struct cursor cursor;
	int err = inbox__take(&in_use.inbox, &message);

	if (err < 0)
		return err;
	cursor = cursor__of(&message);
	out->number = cursor__u64(&cursor);
	out->result = (int)(int64_t)cursor__u64(&cursor);
	return cursor__is_done(&cursor) ? 0 : -EPROTO;
}

/* Call with the lock held. */
static void finish(const struct call *done)
{
	for (struct call *call = in_use.calls; call; call = call->next)
		if (call->number == done->number) {
			call->result = done->result;
			call->is_done = true;
		}
}

/* Call with the lock held. */
static void wait_for(const struct call *call)
{
	while (!call->is_done && !in_use.err) {
		struct call done;
		int err;

		if (in_use.is_taking) {
			pthread_cond_wait(&in_use.changed, &in_use.lock);
			continue;
		}
		in_use.is_taking = true;
		pthread_mutex_unlock(&in_use.lock);
		err = take_result(&done);
		pthread_mutex_lock(&in_use.lock);
		in_use.is_taking = false;
		in_use.err = err;
		if (!err)
			finish(&done);
		pthread_cond_broadcast(&in_use.changed);
	}
}

static void forget(const struct call *call)
{
	struct call **at = &in_use.calls;

	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
}

/* Call with the lock held. */
static int ask_for(unsigned int command, const struct alert_message *alert)
{
	_cleanup_(packer__release) struct packer packer = {};
	struct call call = {.number = ++in_use.call_cnt, .next = in_use.calls};
	const struct command_call asked = {.number = call.number, .command = command};
	int err;

	alert_wire__pack_command(&packer, &asked, alert);
	/* This cannot block for long: the runner always reads its socket. */
	err = message__send(in_use.fd, MESSAGE_COMMAND, &packer, MESSAGE_WAIT);
	if (err)
		return err;
	in_use.calls = &call;
	wait_for(&call);
	forget(&call);
	return call.is_done ? call.result : in_use.err;
}

/* Replaces alert_command__run() in the runner's clients. */
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

/* The runner ends its commands when its socket is closed. */
static void end_all(void)
{
	shutdown(in_use.fd, SHUT_RDWR);
}

void runner__use(int fd, const struct runner_options *options)
{
	static const message_limits limits = {[MESSAGE_COMMAND_RESULT] = 2 * sizeof(uint64_t) + 1};
	static const struct alert_command_proxy proxy = {.run = ask, .end_all = end_all};

	in_use.fd = fd;
	in_use.inbox = (struct inbox){.fd = fd, .limits = limits};
	in_use.options = options;
	alert_command__run_by(&proxy);
}
