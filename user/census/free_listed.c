// SPDX-License-Identifier: BSD-2-Clause
#include "census/free_listed.h"

#include <stdlib.h>

#include "util/cpu_allowance.h"
#include "util/word.h"

/* PyFloatObject, Include/cpython/floatobject.h */
#define FLOAT_BYTES 24
/*
 * An object is not on a free list if the next one turns out not to be. Chains are followed for so
 * many steps.
 */
#define ROUNDS_MAX 64

bool free_listed__is_link(const struct census *census, uint64_t word)
{
	return census->layout.linked_by_count && could_be_object(word) &&
	       word >= census->blocks.start && word < census->blocks.end;
}

bool free_listed__is_float(const struct census *census, const uint8_t *bytes, uint64_t size,
			   uint64_t *next)
{
	if (!census->layout.floats_linked_by_type || size < FLOAT_BYTES ||
	    size >= FLOAT_BYTES + census->heap->layout.map.alignment || word_at(bytes))
		return false;
	*next = word_at(bytes + 8);
	return !*next || (could_be_object(*next) && *next >= census->blocks.start &&
			  *next < census->blocks.end);
}

bool free_listed__is_keys(const struct census *census, const uint8_t *bytes, uint64_t size)
{
	uint32_t offset = object_layout__object_offset(&census->layout, 0);
	uint64_t word;

	if (size < offset + KEYS_HEADER_BYTES)
		return false;
	word = word_at(bytes + offset);
	return (!word || free_listed__is_link(census, word)) &&
	       dict_keys__can_be_kept(census->dicts, bytes + offset, size - offset);
}

int free_list_links__add(struct free_list_links *links, struct free_list_link link)
{
	int err = ACCOUNT_RESERVE(links->account, links->links, links->capacity, links->cnt + 1);

	if (!err)
		links->links[links->cnt++] = link;
	return err;
}

static int compare_links(const void *left, const void *right)
{
	const struct free_list_link *a = left, *b = right;

	return (a->place > b->place) - (a->place < b->place);
}

static struct free_list_link *find_link(const struct free_list_links *links, uint32_t place)
{
	const struct free_list_link key = {.place = place};

	return bsearch(&key, links->links, links->cnt, sizeof(key), compare_links);
}

/*
 * The place of the next object; PLACE_NONE if no object of the same type can be there, in a block
 * of the same size.
 */
static uint32_t find_next(const struct census *census, const struct free_list_link *link)
{
	uint32_t offset =
		object_layout__object_offset(&census->layout,
					     type_table__at(census->types, link->type)->flags);
	uint64_t start;
	uint32_t next = block_table__locate(&census->blocks, link->next, &start);

	if (next == PLACE_NONE || start + offset != link->next ||
	    block_table__span_of(&census->blocks, next)->block_size !=
		    block_table__span_of(&census->blocks, link->place)->block_size)
		return PLACE_NONE;
	return next;
}

static bool is_free_listed(const struct census *census, uint32_t place, uint32_t type)
{
	return census->blocks.words[place] == block_kind(BLOCK_FREE_LISTED, PART_NONE, type);
}

static void set_free_listed(struct census *census, uint32_t place, uint32_t type)
{
	census->blocks.words[place] = block_kind(BLOCK_FREE_LISTED, PART_NONE, type);
}

/* Unmarks objects whose next object is not on a free list. Returns whether there were any. */
static bool drop_loose(const struct free_list_links *links, struct census *census)
{
	bool dropped = false;

	for (size_t i = 0; i < links->cnt; i++) {
		const struct free_list_link *link = &links->links[i];
		uint32_t next;

		if (!link->next || !is_free_listed(census, link->place, link->type))
			continue;
		next = find_next(census, link);
		if (next != PLACE_NONE && is_free_listed(census, next, link->type))
			continue;
		census->blocks.words[link->place] = block_kind(BLOCK_UNKNOWN, PART_NONE, 0);
		dropped = true;
	}
	return dropped;
}

/* The last float of a list is recognized only by the one before it: its count and link are 0. */
static void add_last(const struct free_list_links *links, struct census *census)
{
	for (size_t i = 0; i < links->cnt; i++) {
		const struct free_list_link *link = &links->links[i], *last;
		uint32_t next = link->next ? find_next(census, link) : PLACE_NONE;

		last = next == PLACE_NONE ? NULL : find_link(links, next);
		if (last && !last->next)
			set_free_listed(census, next, link->type);
	}
}

int free_list_links__settle(struct free_list_links *links, struct census *census)
{
	uint32_t float_type = type_table__built_in(census->types, "float");
	size_t kept = 0;
	int err = 0;

	for (size_t i = 0; i < links->cnt; i++) {
		struct free_list_link link = links->links[i];

		if (link.is_keys && census->dict_type != TYPE_NONE)
			census->blocks.words[link.place] =
				block_kind(BLOCK_FREE_LISTED, PART_KEYS, census->dict_type);
		if (link.is_keys)
			continue;
		if (link.type == TYPE_NONE)
			link.type = float_type;
		if (link.type != TYPE_NONE)
			links->links[kept++] = link;
	}
	links->cnt = kept;
	if (!kept)
		return 0;
	err = account__sort(links->account, links->links, links->cnt, sizeof(*links->links),
			    compare_links);
	if (err)
		return err;
	for (size_t i = 0; i < links->cnt; i++)
		if (links->links[i].next)
			set_free_listed(census, links->links[i].place, links->links[i].type);
	add_last(links, census);
	for (int i = 0; i < ROUNDS_MAX && !(err = cpu_allowance__check()); i++)
		if (!drop_loose(links, census))
			break;
	return err;
}

void free_list_links__release(struct free_list_links *links)
{
	account__free(links->links);
	*links = (struct free_list_links){};
}
