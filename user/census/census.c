// SPDX-License-Identifier: BSD-2-Clause
#include "census/census.h"

#include <stdlib.h>

#include "util/word.h"

/* PyTypeObject of 2.7 has 392 bytes up to tp_version_tag, and is larger in later versions. */
#define TYPE_BYTES_MIN 392

void census__free(struct census *census)
{
	if (!census)
		return;
	type_table__free(census->types);
	block_table__release(&census->blocks);
	account__free(census->hidden);
	free(census);
}

void census__freep(struct census **census)
{
	census__free(*census);
}

uint32_t census__plain_kind(const struct census *census, uint32_t kind)
{
	static const enum block_part plain[BLOCK_PART_CNT] = {
		[PART_DICT] = PART_NONE,
		[PART_DICT_KEYS] = PART_KEYS,
		[PART_DICT_VALUES] = PART_VALUES,
		[PART_DICT_TABLE] = PART_TABLE,
	};
	enum block_part part = block_kind__part(kind);

	if (part < PART_DICT)
		return kind;
	return block_kind(block_kind__role(kind), plain[part], census->dict_type) |
	       (kind & BLOCK_TRACKED);
}

const struct type *census__object_type(const struct census *census, uint32_t kind)
{
	return type_table__at(census->types, block_kind__type(census__plain_kind(census, kind)));
}

uint32_t census__object_offset(const struct census *census, uint32_t kind)
{
	return object_layout__object_offset(&census->layout,
					    census__object_type(census, kind)->flags);
}

uint32_t census__kind_at(const struct census *census, uint64_t address)
{
	uint32_t place = block_table__find(&census->blocks, address);

	return place == PLACE_NONE ? block_kind(BLOCK_FREE, 0, 0)
				   : census->blocks.words[place] & ~BLOCK_TRACKED;
}

/*
 * Whether the object at @address is at the start of a block of its own, with room for a type. Types
 * are on the heap only if it has blocks of any size.
 */
static bool is_large_block(const struct census *census, uint64_t address)
{
	uint64_t start;
	uint32_t place, offset;

	if (!census->heap->spans)
		return false;
	place = block_table__locate(&census->blocks, address, &start);
	offset = object_layout__object_offset(&census->layout, TYPE_HAVE_GC);
	return place != PLACE_NONE && address == start + offset &&
	       block_table__span_of(&census->blocks, place)->block_size >= offset + TYPE_BYTES_MIN;
}

bool census__could_be_type(const struct census *census, uint64_t address)
{
	const struct mapping *mapping;

	if (!could_be_object(address))
		return false;
	if (census->target) {
		mapping = target__find_mapping(census->target, address);
		if (!mapping || !mapping->readable || mapping->shared)
			return false;
	}
	return !heap__region_around(census->heap, address) || is_large_block(census, address);
}

bool census__is_shared_memory(const struct census *census, uint64_t address)
{
	const struct mapping *mapping =
		census->target ? target__find_mapping(census->target, address) : NULL;

	return mapping && mapping->shared;
}
