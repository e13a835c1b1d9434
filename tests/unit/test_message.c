// SPDX-License-Identifier: BSD-2-Clause
#include "agent/message.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/alert_wire.h"
#include "prng.h"
#include "unit_test.h"
#include "util/cleanup.h"

/* A connection: what is sent to [0] arrives in an inbox at [1], which never blocks. */
static void open_pair(int *fds, struct inbox *inbox, const size_t *limits)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	*inbox = (struct inbox){.fd = fds[1], .limits = limits};
}

static void close_pair(int *fds, struct inbox *inbox)
{
	inbox__release(inbox);
	close(fds[0]);
	close(fds[1]);
}

static void test_a_message_arrives_byte_by_byte(void **state)
{
	static const message_limits limits = {[MESSAGE_PAGE] = 101};
	const struct message_head head = {.type = MESSAGE_PAGE, .size = 100};
	struct message message = {};
	char bytes[sizeof(head) + 100];
	struct inbox inbox;
	int fds[2];

	(void)state;
	open_pair(fds, &inbox, limits);
	memset(bytes, 'x', sizeof(bytes));
	memcpy(bytes, &head, sizeof(head));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		assert_int_equal(inbox__take(&inbox, &message), 0);
		assert_int_equal(write(fds[0], &bytes[i], 1), 1);
	}
	assert_int_equal(inbox__take(&inbox, &message), 1);
	assert_int_equal(message.type, MESSAGE_PAGE);
	assert_int_equal(message.size, 100);
	assert_memory_equal(message.bytes, bytes + sizeof(head), 100);
	message__release(&message);
	assert_int_equal(inbox__take(&inbox, &message), 0);
	close(fds[0]);
	assert_int_equal(inbox__take(&inbox, &message), -EPIPE);
	fds[0] = dup(fds[1]);
	close_pair(fds, &inbox);
}

static void test_only_what_is_taken_is_received(void **state)
{
	static const message_limits limits = {[MESSAGE_HEALTH] = 9, [MESSAGE_READY] = 1};
	static const struct message_head bad[] = {
		{.type = MESSAGE_PAGE, .size = 0},
		{.type = MESSAGE_HEALTH, .size = 9},
		{.type = MESSAGE_HEALTH, .size = UINT32_MAX},
		{.type = MESSAGE_READY, .size = 1},
		{.type = MESSAGE_TYPE_CNT, .size = 0},
		{.type = UINT32_MAX, .size = 0},
		{.type = 0, .size = 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct message message = {};
		struct inbox inbox;
		int fds[2];

		open_pair(fds, &inbox, limits);
		assert_int_equal(write(fds[0], &bad[i], sizeof(bad[i])), sizeof(bad[i]));
		assert_int_equal(inbox__take(&inbox, &message), -EPROTO);
		assert_null(message.bytes);
		close_pair(fds, &inbox);
	}
}

static void test_who_does_not_take_keeps_nobody(void **state)
{
	static const message_limits limits = {};
	struct packer packer = {};
	struct inbox inbox;
	int fds[2], err = 0;

	(void)state;
	open_pair(fds, &inbox, limits);
	packer__add_u64(&packer, 1);
	for (int i = 0; i < 1000000 && !err; i++)
		err = message__send(fds[0], MESSAGE_ASK_REPORT, &packer, MESSAGE_NO_WAIT);
	/* Where the buffer ends in the middle of a message, sending waits for a moment. */
	assert_true(err == -EAGAIN || err == -ETIMEDOUT);
	packer__release(&packer);
	close_pair(fds, &inbox);
}

static void test_a_cursor_stays_within_its_message(void **state)
{
	struct packer packer = {};
	struct message message;
	struct cursor cursor;

	(void)state;
	packer__add_u64(&packer, 7);
	packer__add_double(&packer, -2.5);
	packer__add_text(&packer, "text");
	packer__add_text(&packer, NULL);
	message = (struct message){.size = packer.size, .bytes = packer.bytes};
	cursor = cursor__of(&message);
	assert_int_equal(cursor__u64(&cursor), 7);
	assert_true(cursor__double(&cursor) == -2.5);
	assert_string_equal(cursor__text(&cursor, 4), "text");
	assert_string_equal(cursor__text(&cursor, 0), "");
	assert_true(cursor__is_done(&cursor));
	/* One byte less makes it incomplete. */
	message.size--;
	cursor = cursor__of(&message);
	cursor__u64(&cursor);
	cursor__double(&cursor);
	cursor__text(&cursor, 4);
	cursor__text(&cursor, 0);
	assert_false(cursor__is_done(&cursor));
	packer__release(&packer);
}

static bool is_text(uint64_t length, const char *bytes, size_t size, size_t max)
{
	struct packer packer = {};
	struct message message;
	struct cursor cursor;
	bool is_done;

	packer__add_u64(&packer, length);
	packer__add_bytes(&packer, bytes, size);
	message = (struct message){.size = packer.size, .bytes = packer.bytes};
	cursor = cursor__of(&message);
	cursor__text(&cursor, max);
	is_done = cursor__is_done(&cursor);
	packer__release(&packer);
	return is_done;
}

static void test_texts_are_as_long_as_they_say(void **state)
{
	(void)state;
	assert_true(is_text(3, "abc", 4, 3));
	assert_false(is_text(3, "abc", 4, 2));
	assert_false(is_text(3, "a\0c", 4, 3));
	assert_false(is_text(3, "abcd", 4, 3));
	assert_false(is_text(3, "abc", 3, 3));
	assert_false(is_text(UINT64_MAX, "abc", 4, SIZE_MAX));
	assert_false(is_text(UINT64_MAX - 1, "abc", 4, SIZE_MAX));
	assert_false(is_text(1000, "abc", 4, 2000));
}

static void test_numbers_are_numbers(void **state)
{
	static const double bad[] = {INFINITY, -INFINITY, NAN};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct packer packer = {};
		struct message message;
		struct cursor cursor;

		packer__add_double(&packer, bad[i]);
		message = (struct message){.size = packer.size, .bytes = packer.bytes};
		cursor = cursor__of(&message);
		assert_true(cursor__double(&cursor) == 0);
		assert_false(cursor__is_done(&cursor));
		packer__release(&packer);
	}
}

static struct packer pack_alert(void)
{
	struct alert_rule rule = {.text = "pinned_bytes > 1", .metric = ALERT_PINNED_BYTES};
	struct alert alert = {.is_firing = true,
			      .pid = 77,
			      .owner = 12345,
			      .value = 1.5,
			      .began = {.tv_sec = 1000},
			      .name = "python3",
			      .types = "tuple (3)"};
	struct packer packer = {};

	alert_wire__pack(&packer, &rule, &alert);
	return packer;
}

static void test_an_alert_arrives(void **state)
{
	struct packer packer = pack_alert();
	const struct message message = {.size = packer.size, .bytes = packer.bytes};
	struct alert_rule rule;
	struct alert alert;

	(void)state;
	assert_int_equal(alert_wire__unpack(&message, &rule, &alert), 0);
	assert_string_equal(rule.text, "pinned_bytes > 1");
	assert_int_equal(rule.metric, ALERT_PINNED_BYTES);
	assert_true(alert.is_firing && !alert.is_reported && alert.value == 1.5);
	assert_int_equal(alert.pid, 77);
	assert_int_equal(alert.owner, 12345);
	assert_int_equal(alert.began.tv_sec, 1000);
	assert_string_equal(alert.name, "python3");
	assert_string_equal(alert.types, "tuple (3)");
	assert_string_equal(alert.sites, "");
	packer__release(&packer);
}

static bool unpacks(const struct packer *packer)
{
	/* A copy of exactly that size, so that a sanitizer detects reads past its end. */
	_cleanup_(message__release) struct message message = {.size = packer->size,
							      .bytes = malloc(packer->size)};
	struct alert_rule rule;
	struct alert alert;
	int err;

	memcpy(message.bytes, packer->bytes, packer->size);
	err = alert_wire__unpack(&message, &rule, &alert);
	assert_true(!err || err == -EPROTO);
	/* Accepted messages are safe to use. */
	if (!err) {
		assert_true(rule.metric < ALERT_METRIC_CNT && alert.pid >= 0);
		assert_true(isfinite(alert.value) && alert.began.tv_sec >= 0);
		assert_non_null(gmtime(&alert.began.tv_sec));
		assert_true(strlen(rule.text) + strlen(alert.name) + strlen(alert.types) +
				    strlen(alert.sites) <
			    packer->size);
	}
	return !err;
}

/* Fields of an alert: eight bytes each. */
static void test_what_an_alert_may_not_say(void **state)
{
	static const struct {
		size_t field;
		uint64_t value;
	} bad[] = {{1, ALERT_METRIC_CNT}, {1, 1UL << 32}, {2, 1UL << 31},  {2, UINT64_MAX},
		   {4, UINT64_MAX},	  {4, 1UL << 62}, {5, UINT64_MAX}, {6, UINT64_MAX},
		   {6, 1UL << 20},	  {6, 0}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct packer packer = pack_alert();

		assert_true(unpacks(&packer));
		memcpy(packer.bytes + bad[i].field * 8, &bad[i].value, 8);
		assert_false(unpacks(&packer));
		packer__release(&packer);
	}
}

static void test_any_bytes_do_no_harm(void **state)
{
	uint64_t chance = 6;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct packer packer = pack_alert();

		for (uint64_t change = prng__next(&chance) % 4; change; change--)
			packer.bytes[prng__next(&chance) % packer.size] =
				(uint8_t)prng__next(&chance);
		packer.size =
			prng__next(&chance) % 2 ? packer.size : prng__next(&chance) % packer.size;
		unpacks(&packer);
		packer__release(&packer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_message_arrives_byte_by_byte),
		cmocka_unit_test(test_only_what_is_taken_is_received),
		cmocka_unit_test(test_who_does_not_take_keeps_nobody),
		cmocka_unit_test(test_a_cursor_stays_within_its_message),
		cmocka_unit_test(test_texts_are_as_long_as_they_say),
		cmocka_unit_test(test_numbers_are_numbers),
		cmocka_unit_test(test_an_alert_arrives),
		cmocka_unit_test(test_what_an_alert_may_not_say),
		cmocka_unit_test(test_any_bytes_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
