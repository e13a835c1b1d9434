// SPDX-License-Identifier: BSD-2-Clause
/* The receiver unpacks what the sender packs, however long the texts are. */
#include "agent/alert_wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit_test.h"

#define LONG_BYTES 100000

static char long_text[LONG_BYTES + 1];

/* Of an alert, and of a message about one. */
#define LONG_ALERT .pid = 7, .name = long_text, .types = long_text, .sites = long_text

static struct message message_of(const struct packer *packer, size_t size)
{
	struct message message = {.bytes = malloc(size), .size = size};

	assert_non_null(message.bytes);
	memcpy(message.bytes, packer->bytes, size);
	return message;
}

/* A long text is truncated, and marked as such. */
static void check_text(const char *text)
{
	size_t size = strlen(text);

	assert_true(size > 1000 && size < LONG_BYTES);
	assert_string_equal(text + size - 4, "x...");
}

static void test_alert_with_long_texts(void **state)
{
	const struct alert sent = {LONG_ALERT, .is_firing = true, .value = 1.5};
	const struct alert_rule sent_rule = {.text = long_text};
	struct packer packer = {};
	struct message message;
	struct alert_rule rule;
	struct alert alert;

	(void)state;
	alert_wire__pack(&packer, &sent_rule, &sent);
	assert_true(packer.size < ALERT_WIRE_BYTES_MAX);
	message = message_of(&packer, packer.size);
	assert_int_equal(alert_wire__unpack(&message, &rule, &alert), 0);
	assert_true(alert.is_firing && alert.pid == 7 && alert.value == 1.5);
	check_text(rule.text);
	check_text(alert.sites);
	message__release(&message);
	packer__release(&packer);
}

/* A malformed message is answered, too, because the sender waits for the answer. */
static void test_command_with_long_texts(void **state)
{
	char json[] = "{}";
	const struct alert_message sent = {LONG_ALERT, .json = json, .rule = long_text};
	const struct command_call sent_call = {.number = 11, .command = 3};
	struct command_call call = {};
	struct alert_message alert;
	struct packer packer = {};
	struct message message;

	(void)state;
	alert_wire__pack_command(&packer, &sent_call, &sent);
	assert_true(packer.size < COMMAND_WIRE_BYTES_MAX);
	message = message_of(&packer, packer.size);
	assert_int_equal(alert_wire__unpack_command(&message, &call, &alert), 0);
	assert_true(call.number == 11 && call.command == 3);
	check_text(alert.sites);
	message__release(&message);
	message = message_of(&packer, packer.size / 2);
	call = (struct command_call){};
	assert_int_equal(alert_wire__unpack_command(&message, &call, &alert), -EPROTO);
	assert_int_equal(call.number, 11);
	message__release(&message);
	packer__release(&packer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alert_with_long_texts),
		cmocka_unit_test(test_command_with_long_texts),
	};

	memset(long_text, 'x', LONG_BYTES);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
