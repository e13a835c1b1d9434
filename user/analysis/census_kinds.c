// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/census_kinds.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util/text.h"
#include "util/units.h"

const char *const census_by_names[CENSUS_BY_CNT] = {
	[BY_TYPE] = "type",   [BY_OWNER] = "owner",	    [BY_SIZE] = "size",
	[BY_ARENA] = "arena", [BY_REFERRERS] = "referrers", [BY_VIA] = "via",
};

const char *census_kinds__role(uint32_t kind)
{
	static const char *const names[BLOCK_ROLE_CNT] = {
		[BLOCK_FREE] = "free",	   [BLOCK_UNKNOWN] = "unknown",
		[BLOCK_OBJECT] = "object", [BLOCK_FREE_LISTED] = "parked",
		[BLOCK_BUFFER] = "buffer",
	};

	return names[block_kind__role(kind)];
}

const char *census_kinds__part(uint32_t kind)
{
	static const char *const names[BLOCK_PART_CNT] = {
		[PART_NONE] = "buffer",
		[PART_ITEMS] = "items",
		[PART_KEYS] = "keys",
		[PART_VALUES] = "values",
		[PART_TABLE] = "table",
		[PART_DICT] = "dict",
		[PART_DICT_KEYS] = "dict keys",
		[PART_DICT_VALUES] = "dict values",
		[PART_DICT_TABLE] = "dict table",
	};

	if (block_kind__role(kind) == BLOCK_BUFFER || block_kind__part(kind) != PART_NONE)
		return names[block_kind__part(kind)];
	return NULL;
}

const char *census_kinds__type(const struct census *census, uint32_t kind)
{
	if (block_kind__role(kind) <= BLOCK_UNKNOWN)
		return NULL;
	return type_table__at(census->types, block_kind__type(kind))->name;
}

/* Removes the first bytes of a character that did not fit. */
static void end_at_character(char *text, size_t size)
{
	if (strlen(text) + 1 == size)
		text[text__whole_characters(text, size - 1)] = '\0';
}

void census_kinds__describe(const struct census *census, uint32_t kind, char *text, size_t size)
{
	const char *type = census_kinds__type(census, kind);

	switch (block_kind__role(kind)) {
	case BLOCK_OBJECT:
		snprintf(text, size, "%s%s", block_kind__part(kind) == PART_DICT ? "dict of " : "",
			 type);
		break;
	case BLOCK_FREE_LISTED:
		snprintf(text, size, "free-listed %s%s",
			 block_kind__part(kind) == PART_KEYS ? "keys of " : "", type);
		break;
	case BLOCK_BUFFER:
		snprintf(text, size, "%s of %s", census_kinds__part(kind), type);
		break;
	default:
		snprintf(text, size, "%s", census_kinds__role(kind));
	}
	end_at_character(text, size);
}

void census_kinds__describe_item(const struct census_report *report, const struct census_row *row,
				 uint32_t index, char *text, size_t size)
{
	const struct referrers *referrers = &report->referrers;
	uint32_t item = referrers->items[referrers->sets[row->set].first + index];

	if (item == REFERRER_ROOT)
		snprintf(text, size, "[root]");
	else if (item == REFERRER_MORE)
		snprintf(text, size, "...");
	else if (referrers->names.cnt)
		snprintf(text, size, "%s", referrers->names.texts[item]);
	else
		census_kinds__describe(report->census, item, text, size);
	end_at_character(text, size);
}

static void describe_set(const struct census_report *report, const struct census_row *row,
			 char *text, size_t size)
{
	const struct referrer_set *set = &report->referrers.sets[row->set];
	size_t used = 0;

	snprintf(text, size, "[no known referrer]");
	for (uint32_t i = 0; i < set->cnt && used + 1 < size; i++) {
		if (i)
			used += (size_t)snprintf(text + used, size - used, ", ");
		if (used < size)
			census_kinds__describe_item(report, row, i, text + used, size - used);
		used = strlen(text);
	}
}

void census_kinds__describe_row(const struct census_report *report, const struct census_row *row,
				char *text, size_t size)
{
	switch (report->by) {
	case BY_SIZE:
		if (row->block_size)
			snprintf(text, size, "blocks of %s", units__bytes(row->block_size).text);
		else
			snprintf(text, size, "larger blocks");
		return;
	case BY_ARENA:
		snprintf(text, size, "arena %#" PRIx64, row->arena);
		return;
	case BY_REFERRERS:
	case BY_VIA:
		describe_set(report, row, text, size);
		return;
	default:
		census_kinds__describe(report->census, row->kind, text, size);
		if (row->block_size)
			snprintf(text, size, "unknown, blocks of %s",
				 units__bytes(row->block_size).text);
	}
}
