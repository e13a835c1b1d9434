// SPDX-License-Identifier: BSD-2-Clause
#include "host/alert_sender.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/alert_command.h"
#include "host/alert_message.h"
#include "util/cleanup.h"
#include "util/log.h"

/* More that wait are dropped. */
#define WAITING_MAX    256
#define TRIES_MAX      3
#define TIMEOUT_MS     3000L
#define COMMAND_PREFIX "exec:"

struct destination {
	char *url;     /* of Alertmanager's API; else */
	char *command; /* that is run */
};

struct alert_sender {
	struct destination destinations[ALERT_DESTINATIONS_MAX];
	size_t destination_cnt;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct alert_message waiting[WAITING_MAX]; /* a ring */
	size_t first, cnt;
	atomic_bool ends;
	bool has_thread;
	atomic_ulong failed_cnt;
};

static size_t ignore_answer(const char *bytes, size_t size, size_t cnt, const void *context)
{
	(void)bytes;
	(void)context;
	return size * cnt;
}

static bool post(const char *url, const char *body)
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
		result = curl_easy_perform(curl);
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	}
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return result == CURLE_OK && status / 100 == 2;
}

static void count_failure(struct alert_sender *sender, const char *to, const char *why)
{
	atomic_fetch_add(&sender->failed_cnt, 1);
	log_warning("an alert did not reach %s: %s", to, why);
}

static void send_to_alertmanager(struct alert_sender *sender, const char *url,
				 const struct alert_message *message)
{
	_cleanup_free_ char *body = NULL;
	bool sent = false;

	if (asprintf(&body, "[%s]", message->json) < 0) {
		body = NULL;
		count_failure(sender, url, "out of memory");
		return;
	}
	for (int try = 0; try < TRIES_MAX && !sent && (!try || !atomic_load(&sender->ends));
	     try++) {
		if (try)
			sleep(1);
		sent = post(url, body);
	}
	if (!sent)
		count_failure(sender, url, "it is not there, or did not take it");
}

static void send_message(struct alert_sender *sender, const struct alert_message *message)
{
	for (size_t i = 0; i < sender->destination_cnt; i++) {
		const struct destination *to = &sender->destinations[i];
		int err;

		if (to->url) {
			send_to_alertmanager(sender, to->url, message);
			continue;
		}
		/* Once when it fires, and once when it is over. */
		err = message->is_new ? alert_command__run(to->command, message) : 0;
		if (err)
			count_failure(sender, to->command,
				      err == -EPROTO ? "it has failed" : strerror(-err));
	}
}

static void *run(void *context)
{
	struct alert_sender *sender = context;

	pthread_mutex_lock(&sender->lock);
	for (;;) {
		struct alert_message message;

		while (!sender->cnt && !sender->ends)
			pthread_cond_wait(&sender->changed, &sender->lock);
		if (!sender->cnt)
			break;
		message = sender->waiting[sender->first];
		sender->first = (sender->first + 1) % WAITING_MAX;
		sender->cnt--;
		pthread_mutex_unlock(&sender->lock);
		send_message(sender, &message);
		alert_message__release(&message);
		pthread_mutex_lock(&sender->lock);
	}
	pthread_mutex_unlock(&sender->lock);
	return NULL;
}

void alert_sender__send(struct alert_sender *sender, const struct alert_rule *rule,
			const struct alert *alert)
{
	struct alert_message message;

	if (alert_message__init(&message, rule, alert)) {
		atomic_fetch_add(&sender->failed_cnt, 1);
		return;
	}
	pthread_mutex_lock(&sender->lock);
	if (sender->cnt == WAITING_MAX) {
		atomic_fetch_add(&sender->failed_cnt, 1);
		alert_message__release(&message);
	} else {
		sender->waiting[(sender->first + sender->cnt++) % WAITING_MAX] = message;
		pthread_cond_signal(&sender->changed);
	}
	pthread_mutex_unlock(&sender->lock);
}

uint64_t alert_sender__failed_cnt(const struct alert_sender *sender)
{
	return atomic_load(&sender->failed_cnt);
}

void alert_sender__free(struct alert_sender *sender)
{
	if (!sender)
		return;
	pthread_mutex_lock(&sender->lock);
	sender->ends = true;
	pthread_cond_signal(&sender->changed);
	pthread_mutex_unlock(&sender->lock);
	if (sender->has_thread)
		pthread_join(sender->thread, NULL);
	for (size_t i = 0; i < sender->destination_cnt; i++) {
		free(sender->destinations[i].url);
		free(sender->destinations[i].command);
	}
	free(sender);
}

static void alert_sender__freep(struct alert_sender **sender)
{
	alert_sender__free(*sender);
}

const char *alert_sender__command_of(const char *to)
{
	return strncmp(to, COMMAND_PREFIX, strlen(COMMAND_PREFIX)) != 0
		       ? NULL
		       : to + strlen(COMMAND_PREFIX);
}

static int add_destination(struct alert_sender *sender, const char *to, struct failure *failure)
{
	struct destination *destination = &sender->destinations[sender->destination_cnt];
	const char *command = alert_sender__command_of(to);

	if (command && command[strspn(command, " \t")])
		destination->command = strdup(command);
	else if (strncmp(to, "http://", 7) != 0 && strncmp(to, "https://", 8) != 0)
		return failure__set(
			failure, -EINVAL,
			"'%.200s' is nobody who can be told of alerts: exec:COMMAND, or "
			"Alertmanager at http://HOST:PORT",
			to);
	else if (asprintf(&destination->url, "%s/api/v2/alerts", to) < 0)
		destination->url = NULL;
	if (!destination->command && !destination->url)
		return failure__set(failure, -ENOMEM, "out of memory");
	sender->destination_cnt++;
	return 0;
}

int alert_sender__new(struct alert_sender **out, const char *const *to, size_t cnt,
		      struct failure *failure)
{
	_cleanup_(alert_sender__freep) struct alert_sender *sender = calloc(1, sizeof(*sender));
	int err = 0;

	if (!sender)
		return failure__set(failure, -ENOMEM, "out of memory");
	pthread_mutex_init(&sender->lock, NULL);
	pthread_cond_init(&sender->changed, NULL);
	for (size_t i = 0; i < cnt && !err; i++)
		err = add_destination(sender, to[i], failure);
	if (err)
		return err;
	err = pthread_create(&sender->thread, NULL, run, sender);
	sender->has_thread = !err;
	if (err)
		return failure__set(failure, -err, "cannot start a thread: %s", strerror(err));
	*out = TAKE_PTR(sender);
	return 0;
}
