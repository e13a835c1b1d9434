// SPDX-License-Identifier: BSD-2-Clause
#include "host/alert_sender.h"

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/alert_json.h"
#include "util/cleanup.h"
#include "util/log.h"

/* More that wait are dropped. */
#define WAITING_MAX	256
#define TRIES_MAX	3
#define TIMEOUT_MS	3000L
#define WORDS_MAX	64
#define ENVIRONMENT_CNT 6
#define VARIABLE_BYTES	512

/* A message that waits. */
struct message {
	char *json; /* one alert */
	bool is_firing, is_new;
	pid_t pid;
	char *rule, *name;
	double value;
};

struct alert_sender {
	char *url, *command;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct message waiting[WAITING_MAX]; /* a ring */
	size_t first, cnt;
	bool ends, has_thread;
	atomic_ulong failed_cnt;
};

static void release_message(struct message *message)
{
	free(message->json);
	free(message->rule);
	free(message->name);
}

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

static void send_to_alertmanager(struct alert_sender *sender, const struct message *message)
{
	_cleanup_free_ char *body = NULL;
	bool sent = false;

	if (asprintf(&body, "[%s]", message->json) < 0) {
		body = NULL;
		return;
	}
	for (int try = 0; try < TRIES_MAX && !sent && !sender->ends; try++) {
		if (try)
			sleep(1);
		sent = post(sender->url, body);
	}
	if (sent)
		return;
	atomic_fetch_add(&sender->failed_cnt, 1);
	log_warning("an alert did not reach %s", sender->url);
}

/* The words of a command; the array ends with NULL. They point into @text, which is cut up. */
static void split_words(char *text, char **words)
{
	size_t cnt = 0;
	char *at = NULL;

	for (char *word = strtok_r(text, " \t", &at); word && cnt < WORDS_MAX;
	     word = strtok_r(NULL, " \t", &at))
		words[cnt++] = word;
	words[cnt] = NULL;
}

static void make_environment(const struct message *message, char (*texts)[VARIABLE_BYTES],
			     char **environment)
{
	snprintf(texts[0], VARIABLE_BYTES, "PYFRAG_ALERT_STATE=%s",
		 message->is_firing ? "firing" : "resolved");
	snprintf(texts[1], VARIABLE_BYTES, "PYFRAG_ALERT_RULE=%s", message->rule);
	snprintf(texts[2], VARIABLE_BYTES, "PYFRAG_ALERT_PID=%d", message->pid);
	snprintf(texts[3], VARIABLE_BYTES, "PYFRAG_ALERT_PROCESS=%s", message->name);
	snprintf(texts[4], VARIABLE_BYTES, "PYFRAG_ALERT_VALUE=%.9g", message->value);
	snprintf(texts[5], VARIABLE_BYTES,
		 "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	for (int i = 0; i < ENVIRONMENT_CNT; i++)
		environment[i] = texts[i];
	environment[ENVIRONMENT_CNT] = NULL;
}

/* Starts the command with @input as its standard input. Returns its pid, or negative errno. */
static pid_t start_command(const char *command, const struct message *message, int input)
{
	char environment_texts[ENVIRONMENT_CNT][VARIABLE_BYTES];
	char *environment[ENVIRONMENT_CNT + 1], *words[WORDS_MAX + 1];
	_cleanup_free_ char *text = strdup(command);
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int err;

	if (!text)
		return -ENOMEM;
	split_words(text, words);
	make_environment(message, environment_texts, environment);
	if (!words[0])
		return -ENOENT;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	err = posix_spawnp(&pid, words[0], &actions, NULL, words, environment);
	posix_spawn_file_actions_destroy(&actions);
	return err ? -err : pid;
}

static void run_command(struct alert_sender *sender, const struct message *message)
{
	_cleanup_fclose_ FILE *input = tmpfile();
	int status = 0;
	pid_t pid;

	if (!input || fputs(message->json, input) == EOF || fputc('\n', input) == EOF ||
	    fflush(input) || fseek(input, 0, SEEK_SET)) {
		atomic_fetch_add(&sender->failed_cnt, 1);
		return;
	}
	pid = start_command(sender->command, message, fileno(input));
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (pid > 0 && !status)
		return;
	atomic_fetch_add(&sender->failed_cnt, 1);
	log_warning("an alert was not taken by '%s': %s", sender->command,
		    pid < 0 ? strerror(-pid) : "it has failed");
}

static void send_message(struct alert_sender *sender, const struct message *message)
{
	if (sender->url)
		send_to_alertmanager(sender, message);
	/* Once when it fires, and once when it is over. */
	if (sender->command && message->is_new)
		run_command(sender, message);
}

static void *run(void *context)
{
	struct alert_sender *sender = context;

	pthread_mutex_lock(&sender->lock);
	for (;;) {
		struct message message;

		while (!sender->cnt && !sender->ends)
			pthread_cond_wait(&sender->changed, &sender->lock);
		if (!sender->cnt)
			break;
		message = sender->waiting[sender->first];
		sender->first = (sender->first + 1) % WAITING_MAX;
		sender->cnt--;
		pthread_mutex_unlock(&sender->lock);
		send_message(sender, &message);
		release_message(&message);
		pthread_mutex_lock(&sender->lock);
	}
	pthread_mutex_unlock(&sender->lock);
	return NULL;
}

static void put(struct alert_sender *sender, struct message message)
{
	pthread_mutex_lock(&sender->lock);
	if (sender->cnt == WAITING_MAX || !message.json || !message.rule || !message.name) {
		atomic_fetch_add(&sender->failed_cnt, 1);
		release_message(&message);
	} else {
		sender->waiting[(sender->first + sender->cnt++) % WAITING_MAX] = message;
		pthread_cond_signal(&sender->changed);
	}
	pthread_mutex_unlock(&sender->lock);
}

void alert_sender__send(struct alert_sender *sender, const struct alert_rule *rule,
			const struct alert *alert)
{
	json_t *packed = alert_json__pack(rule, alert);

	put(sender, (struct message){
			    .json = packed ? json_dumps(packed, JSON_COMPACT) : NULL,
			    .is_firing = alert->is_firing,
			    .is_new = !alert->is_told || !alert->is_firing,
			    .pid = alert->pid,
			    .rule = strdup(rule->text),
			    .name = strdup(alert->name),
			    .value = alert->value,
		    });
	json_decref(packed);
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
	free(sender->url);
	free(sender->command);
	free(sender);
}

int alert_sender__new(struct alert_sender **out, const struct alert_destinations *destinations,
		      struct failure *failure)
{
	struct alert_sender *sender = calloc(1, sizeof(*sender));
	int err;

	if (!sender)
		return failure__set(failure, -ENOMEM, "out of memory");
	pthread_mutex_init(&sender->lock, NULL);
	pthread_cond_init(&sender->changed, NULL);
	if (destinations->alertmanager &&
	    asprintf(&sender->url, "%s/api/v2/alerts", destinations->alertmanager) < 0)
		sender->url = NULL;
	if (destinations->command)
		sender->command = strdup(destinations->command);
	if ((destinations->alertmanager && !sender->url) ||
	    (destinations->command && !sender->command)) {
		alert_sender__free(sender);
		return failure__set(failure, -ENOMEM, "out of memory");
	}
	err = pthread_create(&sender->thread, NULL, run, sender);
	sender->has_thread = !err;
	if (err) {
		alert_sender__free(sender);
		return failure__set(failure, -err, "cannot start a thread: %s", strerror(err));
	}
	*out = sender;
	return 0;
}
