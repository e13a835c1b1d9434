// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: names that a process chooses, written to metrics and JSON, are recovered by a reader
 * that follows the formats strictly, and the output contains no character that a terminal
 * interprets.
 */
#include <jansson.h>
#include <stdbool.h>

#include "fuzz.h"
#include "output/json_values.h"
#include "output/open_metrics.h"
#include "util/cleanup.h"
#include "util/text.h"

#define NAME_MAX_BYTES 512

/* Any bytes of the input except NUL. */
static void take_name(struct fuzz_input *input, char *name)
{
	size_t length = fuzz_input__byte(input) * 2U;

	memset(name, 0, NAME_MAX_BYTES);
	for (size_t i = 0; i < length && input->size; i++) {
		name[i] = (char)fuzz_input__byte(input);
		if (!name[i])
			name[i] = 1;
	}
}

static void check_harmless(const char *text, bool with_lines)
{
	for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
		CHECK(*at >= ' ' || (with_lines && *at == '\n'));
		CHECK(*at != 0x7f);
		CHECK(at[0] != 0xc2 || at[1] > 0x9f);
	}
}

/*
 * Reads a label's value at *at, just after its opening quote; leaves *at just after the closing
 * quote.
 */
static void read_value(const char **at, char *out)
{
	for (; **at != '"'; (*at)++) {
		CHECK(**at && **at != '\n');
		if (**at != '\\') {
			*out++ = **at;
			continue;
		}
		(*at)++;
		CHECK(**at == '\\' || **at == '"' || **at == 'n');
		*out++ = **at == 'n' ? '\n' : **at;
	}
	(*at)++;
	*out = '\0';
}

static void skip(const char **at, const char *expected)
{
	CHECK(!strncmp(*at, expected, strlen(expected)));
	*at += strlen(expected);
}

/* The name as it is written: with U+FFFD, or ? for a control character that has no escape. */
static void expect(const char *name, const char *found)
{
	_cleanup_free_ char *safe = text__to_safe_utf8(name);

	CHECK(safe && strlen(safe) == strlen(found));
	for (size_t i = 0; safe[i]; i++)
		CHECK(found[i] == safe[i] ||
		      ((unsigned char)safe[i] < ' ' && safe[i] != '\n' && found[i] == '?'));
}

static void check_metrics(const char *first, const char *second)
{
	const struct metric_family family = {"pyfrag_x_bytes", "bytes", "Help.", false};
	const struct metric_label labels[] = {{"app", first}, {"unit", second}};
	char value[3 * NAME_MAX_BYTES];
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	const char *at;

	CHECK(out);
	open_metrics__begin(out, &family, true);
	open_metrics__sample(out, &family, labels, 2, 1.5);
	open_metrics__end(out, true);
	CHECK(!fclose(out) && strlen(text) == size);
	check_harmless(text, true);
	at = strstr(text, "pyfrag_x_bytes{");
	CHECK(at);
	skip(&at, "pyfrag_x_bytes{app=\"");
	read_value(&at, value);
	expect(first, value);
	skip(&at, ",unit=\"");
	read_value(&at, value);
	expect(second, value);
	skip(&at, "} 1.5\n# EOF\n");
	CHECK(!*at);
}

static void check_json(const char *name)
{
	json_t *value = json_values__text(name), *back;
	_cleanup_free_ char *text = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL,
			    *safe = text__to_safe_utf8(name);

	CHECK(text && safe);
	check_harmless(text, false);
	back = json_loads(text, JSON_DECODE_ANY, NULL);
	CHECK(back && !strcmp(json_string_value(back), safe));
	json_decref(back);
	json_decref(value);
}

static void check_lines(char *name)
{
	check_harmless(text__make_printable(name), false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	char first[NAME_MAX_BYTES], second[NAME_MAX_BYTES];

	take_name(&input, first);
	take_name(&input, second);
	check_metrics(first, second);
	check_json(first);
	check_lines(second);
	return 0;
}
