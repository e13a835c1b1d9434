// SPDX-License-Identifier: BSD-2-Clause
#include "alerts/alert_sender.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alerts/alert_command.h"
#include "alerts/alert_queue.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

#define TRIES_MAX    3
#define RETRY_S	     1
#define TIMEOUT_MS   3000L
#define END_WAIT_MS  30000
#define LOG_AGAIN_NS (60 * 1000000000UL)
#define NS_PER_S     1000000000UL
#define NS_PER_MS    1000000UL

/* A destination with its queue. */
struct outlet {
	struct alert_sender *sender;
	struct alert_destination to;
	struct worker {
		struct outlet *outlet;
		pthread_t thread;
		const struct alert_message *message; /* being sent; NULL if the worker is idle */
	} workers[ALERT_COMMANDS_AT_ONCE];
	size_t worker_cnt;
	/* Protected by the sender's lock, like the messages of the workers. */
	struct alert_queue waiting;
	uint64_t dropped_cnt;
	uint64_t logged_ns; /* CLOCK_MONOTONIC: last warning about dropped alerts; 0: none yet */
};

struct alert_sender {
	struct outlet outlets[ALERT_DESTINATIONS_MAX];
	size_t cnt;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* uses CLOCK_MONOTONIC */
	size_t running_cnt;	/* threads; protected by the lock */
	atomic_bool ends, gives_up;
	atomic_ulong failed_cnt;
};

static size_t ignore_answer(const char *bytes, size_t size, size_t cnt, const void *context)
{
	(void)bytes;
	(void)context;
	return size * cnt;
}

/* libcurl calls this about once a second or more often; any result but 0 aborts the transfer. */
static int check_whether_to_go_on(void *context, curl_off_t a, curl_off_t b, curl_off_t c,
				  curl_off_t d)
{
	const struct alert_sender *sender = context;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return atomic_load(&sender->gives_up);
}

static bool post(struct alert_sender *sender, const char *url, const char *body)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	CURL *curl = curl_easy_init();
	CURLcode result = CURLE_OUT_OF_MEMORY;
	long status = 0;

	if (curl && headers) {
		curl_easy_setopt(curl, CURLOPT_URL, url);
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
		curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore_answer);
		curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
		curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
		curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, check_whether_to_go_on);
		curl_easy_setopt(curl, CURLOPT_XFERINFODATA, sender);
		result = curl_easy_perform(curl);
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	}
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return result == CURLE_OK && status / 100 == 2;
}

static void count_failure(struct alert_sender *sender, const struct alert_destination *to,
			  const char *why)
{
	atomic_fetch_add(&sender->failed_cnt, 1);
	log_warning("cannot deliver an alert to %s: %s", to->label, why);
}

static struct timespec time_of(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S),
				 .tv_nsec = (long)(ns % NS_PER_S)};
}

/* Waits before a retry, or until the sender gives up. */
static void rest(struct alert_sender *sender)
{
	const struct timespec until = time_of(clock_ns(CLOCK_MONOTONIC) + RETRY_S * NS_PER_S);

	pthread_mutex_lock(&sender->lock);
	while (!atomic_load(&sender->gives_up) &&
	       pthread_cond_timedwait(&sender->changed, &sender->lock, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&sender->lock);
}

static void send_to_alertmanager(struct alert_sender *sender, const struct alert_destination *to,
				 const struct alert_message *message)
{
	_cleanup_free_ char *body = NULL;
	bool sent = false;

	if (asprintf(&body, "[%s]", message->json) < 0) {
		body = NULL;
		count_failure(sender, to, "out of memory");
		return;
	}
	for (int try = 0; try < TRIES_MAX && !sent && (!try || !atomic_load(&sender->ends));
	     try++) {
		if (try)
			rest(sender);
		sent = post(sender, to->url, body);
	}
	if (!sent)
		count_failure(sender, to, "it is unreachable or did not accept the alert");
}

static void send_to_command(struct alert_sender *sender, const struct alert_destination *to,
			    const struct alert_message *message)
{
	int err = alert_command__run(to->command, message);

	if (err == -EPROTO)
		count_failure(sender, to, "the command failed");
	else if (err == -ETIMEDOUT)
		count_failure(sender, to, "the command timed out and was stopped");
	else if (err == -ECANCELED || err == -EPIPE)
		count_failure(sender, to, "pyfrag is stopping, and the command was stopped too");
	else if (err)
		count_failure(sender, to, strerror(-err));
}

static void send_message(struct outlet *outlet, const struct alert_message *message)
{
	if (outlet->to.url)
		send_to_alertmanager(outlet->sender, &outlet->to, message);
	else
		send_to_command(outlet->sender, &outlet->to, message);
}

static bool are_of_one_alert(const struct alert_message *a, const struct alert_message *b)
{
	return a->pid == b->pid && !strcmp(a->rule, b->rule);
}

/* The lock must be held. */
static bool may_send(const void *context, const struct alert_message *message)
{
	const struct outlet *outlet = context;
	size_t of_owner_cnt = 0;

	for (size_t i = 0; i < outlet->worker_cnt; i++) {
		const struct alert_message *sent = outlet->workers[i].message;

		if (sent && are_of_one_alert(sent, message))
			return false;
		of_owner_cnt += sent && sent->owner == message->owner;
	}
	return outlet->worker_cnt == 1 || of_owner_cnt < outlet->worker_cnt - 1;
}

/* The lock must be held; it is released while the message is sent. */
static void send_next(struct worker *worker, struct alert_message *message)
{
	struct alert_sender *sender = worker->outlet->sender;

	worker->message = message;
	pthread_mutex_unlock(&sender->lock);
	send_message(worker->outlet, message);
	pthread_mutex_lock(&sender->lock);
	worker->message = NULL;
	alert_message__release(message);
	/* Other workers may have been waiting for this alert or owner. */
	pthread_cond_broadcast(&sender->changed);
}

static void *run(void *context)
{
	struct worker *worker = context;
	struct outlet *outlet = worker->outlet;
	struct alert_sender *sender = outlet->sender;
	struct alert_message message;

	pthread_mutex_lock(&sender->lock);
	while (!atomic_load(&sender->gives_up)) {
		if (alert_queue__take(&outlet->waiting, may_send, outlet, &message))
			send_next(worker, &message);
		else if (outlet->waiting.cnt || !atomic_load(&sender->ends))
			pthread_cond_wait(&sender->changed, &sender->lock);
		else
			break;
	}
	sender->running_cnt--;
	pthread_cond_broadcast(&sender->changed);
	pthread_mutex_unlock(&sender->lock);
	return NULL;
}

/* Warns at most once a minute, because thousands may be dropped. The lock must be held. */
static void count_dropped(struct outlet *outlet)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);

	atomic_fetch_add(&outlet->sender->failed_cnt, 1);
	outlet->dropped_cnt++;
	if (outlet->logged_ns && now_ns - outlet->logged_ns < LOG_AGAIN_NS)
		return;
	outlet->logged_ns = now_ns;
	log_warning("the queue for %s is full (%d alerts); alerts dropped so far: %llu (always "
		    "from the user whose processes have the most alerts in the queue)",
		    outlet->to.label, ALERT_QUEUE_MAX, (unsigned long long)outlet->dropped_cnt);
}

void alert_sender__send(struct alert_sender *sender, const struct alert_rule *rule,
			const struct alert *alert)
{
	for (size_t i = 0; i < sender->cnt; i++) {
		struct outlet *outlet = &sender->outlets[i];
		struct alert_message message;

		/*
		 * Commands run once when an alert fires and once when it is resolved; they get no
		 * reminders.
		 */
		if (outlet->to.command && alert->is_firing && alert->is_reported)
			continue;
		if (alert_message__init(&message, rule, alert)) {
			atomic_fetch_add(&sender->failed_cnt, 1);
			continue;
		}
		pthread_mutex_lock(&sender->lock);
		if (alert_queue__put(&outlet->waiting, &message))
			count_dropped(outlet);
		pthread_cond_broadcast(&sender->changed);
		pthread_mutex_unlock(&sender->lock);
	}
}

uint64_t alert_sender__failed_cnt(const struct alert_sender *sender)
{
	return atomic_load(&sender->failed_cnt);
}

void alert_sender__end(struct alert_sender *sender, unsigned int wait_ms)
{
	const struct timespec until = time_of(clock_ns(CLOCK_MONOTONIC) + wait_ms * NS_PER_MS);
	int err = 0;

	pthread_mutex_lock(&sender->lock);
	atomic_store(&sender->ends, true);
	pthread_cond_broadcast(&sender->changed);
	while (sender->running_cnt && !err)
		err = pthread_cond_timedwait(&sender->changed, &sender->lock, &until);
	if (err) {
		atomic_store(&sender->gives_up, true);
		pthread_cond_broadcast(&sender->changed);
		alert_command__end_all();
	}
	pthread_mutex_unlock(&sender->lock);
	for (size_t i = 0; i < sender->cnt; i++) {
		struct outlet *outlet = &sender->outlets[i];

		for (size_t j = 0; j < outlet->worker_cnt; j++)
			pthread_join(outlet->workers[j].thread, NULL);
		outlet->worker_cnt = 0;
	}
}

void alert_sender__free(struct alert_sender *sender)
{
	if (!sender)
		return;
	alert_sender__end(sender, END_WAIT_MS);
	for (size_t i = 0; i < sender->cnt; i++) {
		alert_queue__release(&sender->outlets[i].waiting);
		alert_destination__release(&sender->outlets[i].to);
	}
	free(sender);
}

static void alert_sender__freep(struct alert_sender **sender)
{
	alert_sender__free(*sender);
}

/* The lock must be held, so that no worker runs before all are counted. */
static int start(struct outlet *outlet, struct failure *failure)
{
	size_t cnt = outlet->to.command ? ALERT_COMMANDS_AT_ONCE : 1;

	while (outlet->worker_cnt < cnt) {
		struct worker *worker = &outlet->workers[outlet->worker_cnt];
		int err;

		worker->outlet = outlet;
		err = pthread_create(&worker->thread, NULL, run, worker);
		if (err)
			return failure__set(failure, -err, "cannot start a thread: %s",
					    strerror(err));
		outlet->worker_cnt++;
		outlet->sender->running_cnt++;
	}
	return 0;
}

int alert_sender__new(struct alert_sender **out, const char *const *to, size_t cnt,
		      struct failure *failure)
{
	_cleanup_(alert_sender__freep) struct alert_sender *sender = calloc(1, sizeof(*sender));
	pthread_condattr_t monotonic;
	int err = 0;

	if (!sender)
		return failure__set(failure, -ENOMEM, "out of memory");
	pthread_mutex_init(&sender->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&sender->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	for (; sender->cnt < cnt && !err; sender->cnt += !err) {
		sender->outlets[sender->cnt].sender = sender;
		err = alert_destination__parse(&sender->outlets[sender->cnt].to, to[sender->cnt],
					       failure);
	}
	/* No worker may end before all are counted. */
	pthread_mutex_lock(&sender->lock);
	for (size_t i = 0; i < sender->cnt && !err; i++)
		err = start(&sender->outlets[i], failure);
	pthread_mutex_unlock(&sender->lock);
	if (err)
		return err;
	*out = TAKE_PTR(sender);
	return 0;
}
