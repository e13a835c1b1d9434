// SPDX-License-Identifier: BSD-2-Clause
#include "alerts/alert_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit_test.h"

static bool put(struct alert_queue *queue, process_owner owner, pid_t pid)
{
	struct alert_message message = {.owner = owner, .pid = pid};

	return alert_queue__put(queue, &message);
}

/* The owners of all queued alerts in order, a letter each. */
static void check_order(struct alert_queue *queue, const char *expected)
{
	struct alert_message message;
	char order[2 * ALERT_QUEUE_MAX] = "";
	size_t cnt = 0;

	while (alert_queue__take(queue, NULL, NULL, &message)) {
		order[cnt++] = (char)message.owner;
		alert_message__release(&message);
	}
	assert_string_equal(order, expected);
}

static void test_users_take_turns(void **state)
{
	struct alert_queue queue = {};

	(void)state;
	check_order(&queue, "");
	for (int i = 0; i < 4; i++)
		put(&queue, 'a', i);
	put(&queue, 'b', 9);
	put(&queue, 'c', 9);
	put(&queue, 'b', 9);
	check_order(&queue, "abcabaa");
}

/* A user who queues an alert later does not wait for the whole backlog. */
static void test_a_backlog_delays_its_user_only(void **state)
{
	struct alert_queue queue = {};
	struct alert_message message;

	(void)state;
	for (int i = 0; i < 5; i++)
		put(&queue, 'a', i);
	for (int i = 0; i < 2; i++) {
		assert_true(alert_queue__take(&queue, NULL, NULL, &message));
		assert_int_equal(message.pid, i);
		alert_message__release(&message);
	}
	put(&queue, 'b', 9);
	check_order(&queue, "abaa");
}

static void test_a_flood_evicts_its_own(void **state)
{
	struct alert_queue queue = {};
	struct alert_message message;
	char expected[ALERT_QUEUE_MAX + 1];

	(void)state;
	put(&queue, 'b', 1);
	for (int i = 0; i < ALERT_QUEUE_MAX - 1; i++)
		assert_false(put(&queue, 'a', i));
	/* From any number of processes. */
	for (int i = 0; i < 1000; i++)
		assert_true(put(&queue, 'a', 10000 + i));
	assert_true(put(&queue, 'b', 2));
	assert_true(put(&queue, 'c', 3));
	assert_int_equal(queue.cnt, ALERT_QUEUE_MAX);
	memset(expected, 'a', ALERT_QUEUE_MAX);
	memcpy(expected, "bacab", 5);
	expected[ALERT_QUEUE_MAX] = '\0';
	/* The user's oldest alerts are kept. */
	for (size_t i = 0; i < queue.cnt; i++)
		assert_true(queue.items[i].message.pid < ALERT_QUEUE_MAX - 3);
	check_order(&queue, expected);
	assert_false(alert_queue__take(&queue, NULL, NULL, &message));
	alert_queue__release(&queue);
}

static bool is_not(const void *context, const struct alert_message *message)
{
	return message->pid != *(const pid_t *)context;
}

/* A user who may not send now keeps the turn, and does not delay others. */
static void test_some_may_not_be_taken(void **state)
{
	struct alert_queue queue = {};
	struct alert_message message;
	pid_t not = 1;

	(void)state;
	put(&queue, 'a', 1);
	put(&queue, 'a', 2);
	put(&queue, 'b', 3);
	for (pid_t expected = 3; expected >= 2; expected--) {
		assert_true(alert_queue__take(&queue, is_not, &not, &message));
		assert_int_equal(message.pid, expected);
		alert_message__release(&message);
	}
	assert_false(alert_queue__take(&queue, is_not, &not, &message));
	put(&queue, 'c', 4);
	check_order(&queue, "ac");
}

static void test_release(void **state)
{
	struct alert_queue queue = {};

	(void)state;
	put(&queue, 'a', 1);
	put(&queue, 'b', 1);
	alert_queue__release(&queue);
	check_order(&queue, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_users_take_turns),
		cmocka_unit_test(test_a_backlog_delays_its_user_only),
		cmocka_unit_test(test_a_flood_evicts_its_own),
		cmocka_unit_test(test_some_may_not_be_taken),
		cmocka_unit_test(test_release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
