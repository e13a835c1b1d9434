// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/option_value.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/units.h"

/* One member is used, depending on the kind; the other is 0. */
struct number {
	uint64_t whole;
	double real;
};

static bool parse_whole(const char *text, int base, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, base);
	return !errno && !*end;
}

static bool parse_number(enum option_kind kind, const char *text, struct number *out)
{
	switch (kind) {
	case OPTION_NUMBER:
		return isdigit((unsigned char)*text) && parse_whole(text, 10, &out->whole);
	case OPTION_ADDRESS:
		return !strncmp(text, "0x", 2) && isxdigit((unsigned char)text[2]) &&
		       parse_whole(text, 16, &out->whole) && out->whole;
	case OPTION_BYTES:
		return units__parse_bytes(text, &out->whole);
	case OPTION_SECONDS:
		return units__parse_seconds(text, &out->real);
	case OPTION_SHARE:
		return units__parse_percent(text, &out->real);
	default:
		return false;
	}
}

static bool is_below(const struct number *a, const struct number *b)
{
	return a->whole < b->whole || a->real < b->real;
}

static bool parse_within(const struct option_row *row, const char *text, struct number *out)
{
	struct number min = {}, max = {};

	*out = (struct number){};
	if (!parse_number(row->kind, text, out))
		return false;
	if (row->min && (!parse_number(row->kind, row->min, &min) || is_below(out, &min)))
		return false;
	return !row->max || (parse_number(row->kind, row->max, &max) && !is_below(&max, out));
}

static bool add_text(struct text_list *list, const char *text, const char *max)
{
	if (list->cnt >= strtoul(max, NULL, 10))
		return false;
	list->texts[list->cnt++] = text;
	return true;
}

static bool set_word(const struct option_row *row, const char *text, unsigned int *word)
{
	for (unsigned int i = 0; row->word(i); i++) {
		if (strcmp(text, row->word(i)) != 0)
			continue;
		*word = i;
		return true;
	}
	return false;
}

bool option_value__set(const struct option_row *row, const char *text, struct options *options)
{
	void *place = (char *)options + row->offset;
	struct number number;

	if (row->kind == OPTION_FLAG)
		*(bool *)place = true;
	else if (row->kind == OPTION_TEXT)
		*(const char **)place = text;
	else if (row->kind == OPTION_LIST)
		return add_text(place, text, row->max);
	else if (row->kind == OPTION_WORD)
		return set_word(row, row->stands_for ? row->stands_for : text, place);
	else if (!parse_within(row, text, &number))
		return false;
	else if (row->kind == OPTION_NUMBER)
		*(uint32_t *)place = (uint32_t)number.whole;
	else if (row->kind == OPTION_BYTES || row->kind == OPTION_ADDRESS)
		*(uint64_t *)place = number.whole;
	else
		*(double *)place = number.real;
	return true;
}

/* "a, b or c" */
static void list_words(const struct option_row *row, char *text, size_t size)
{
	size_t length = 0;

	for (size_t i = 0; row->word(i) && length < size; i++)
		length += (size_t)snprintf(text + length, size - length, "%s%s",
					   !i		      ? ""
					   : row->word(i + 1) ? ", "
							      : " or ",
					   row->word(i));
}

struct option_wanted option_value__wanted(const struct option_row *row)
{
	static const char *const nouns[] = {
		[OPTION_NUMBER] = "a number",
		[OPTION_BYTES] = "a size",
		[OPTION_SECONDS] = "a time",
		[OPTION_SHARE] = "a percentage from 0 to 100",
		[OPTION_ADDRESS] = "an address, such as 0x7f0123400000",
	};
	struct option_wanted wanted = {};

	if (row->wanted)
		snprintf(wanted.text, sizeof(wanted.text), "%s", row->wanted);
	else if (row->kind == OPTION_WORD)
		list_words(row, wanted.text, sizeof(wanted.text));
	else if (row->max)
		snprintf(wanted.text, sizeof(wanted.text), "%s from %s to %s", nouns[row->kind],
			 row->min ? row->min : "0", row->max);
	else
		snprintf(wanted.text, sizeof(wanted.text), "%s", nouns[row->kind]);
	return wanted;
}
