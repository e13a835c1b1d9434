// SPDX-License-Identifier: BSD-2-Clause
#include "census/buffers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "census/members.h"
#include "census/pool_reader.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "util/word.h"

/*
 * Rounds that follow pointers from buffer to buffer. What is further down a list is read block by
 * block, up to a number of blocks. Others stay BLOCK_UNKNOWN.
 */
#define ROUNDS_MAX	16
#define LIST_BLOCKS_MAX (1U << 20)
/*
 * Member lists that are read. Further types are treated as if they may own buffers: their objects
 * are searched, maybe in vain.
 */
#define MEMBER_LISTS_MAX (1U << 18)
/* Texts are not searched if fewer than one block in so many is still unknown. */
#define LITTLE_SHARE 10000
/* PyTypeObject and most of PyHeapTypeObject; both are smaller in older versions. */
#define TYPE_BYTES 896

/* Offsets in dict objects: Include/cpython/dictobject.h (2.7: Include/dictobject.h) */
#define DICT_KEYS   32
#define DICT_VALUES 40
#define DICT_TABLE  40 /* 2.7 */
/* In a block of a deque, behind a link and 64 items (Modules/_collectionsmodule.c, 3.x). */
#define DEQUE_RIGHT_LINK (8 + 64 * 8)

/* Which blocks are searched for pointers in a round. */
enum owner {
	OBJECTS,
	STRINGS, /* which rarely have buffers */
	BUFFERS, /* found in the previous round */
};

struct round {
	struct census *census;
	enum owner owner;
	uint64_t unknown_cnt, found_cnt; /* still unknown; found in this round */
	uint64_t free_listed_cnt;	 /* blocks that still look like freed objects */
	uint8_t *found, *pointing; /* bits by place: found in this round, in the previous one */
	uint8_t *owners;	   /* bits by type: whether its objects may have buffers */
	/* Blocks found last, by place, if they are listed: the ends of lists. */
	bool lists_ends;
	uint32_t *ends;
	size_t end_cnt, end_capacity;
	int err; /* of listing them */
};

static bool is_of_deque(const struct census *census, uint32_t kind)
{
	return block_kind__role(kind) == BLOCK_BUFFER &&
	       census__object_type(census, kind)->is_deque;
}

/*
 * Whether to follow the words of a buffer of @kind. Items, keys and values are references to
 * objects, besides what was there before: that may point to anything where all allocations are in
 * one heap, also those that are not Python's.
 */
static bool may_lead_on(const struct census *census, uint32_t kind)
{
	return !census->heap->spans || (!block_kind__part(kind) && !is_of_deque(census, kind));
}

static bool points(const struct round *round, uint32_t place)
{
	uint32_t kind = round->census->blocks.words[place];
	uint64_t flags;

	if (round->owner == BUFFERS)
		return bits__get(round->pointing, place) && may_lead_on(round->census, kind);
	if (block_kind__role(kind) != BLOCK_OBJECT)
		return false;
	if (round->owner == OBJECTS)
		return bits__get(round->owners,
				 block_kind__type(census__plain_kind(round->census, kind)));
	flags = census__object_type(round->census, kind)->flags;
	return flags & TYPE_UNICODE_SUBCLASS;
}

/*
 * Numbers, tuples and objects with nothing but __slots__ only point to objects. Texts have a round
 * of their own.
 */
static int may_own(const struct census *census, const struct type *type, uint32_t *room, bool *out)
{
	const uint64_t plain = TYPE_LONG_SUBCLASS | TYPE_BYTES_SUBCLASS | TYPE_TUPLE_SUBCLASS |
			       TYPE_UNICODE_SUBCLASS;
	bool are_all = false;
	int err = 0;

	if (type->flags & TYPE_HEAPTYPE && !type->dict_offset && type->members &&
	    !object_layout__has_managed_dict(&census->layout, type->flags))
		err = members__are_all(census, type, room, &are_all);
	*out = !are_all && !(type->flags & plain) &&
	       (type->flags & TYPE_HEAPTYPE || strcmp(type->name, "float") != 0);
	return err;
}

static int find_owners(const struct census *census, uint8_t **out)
{
	uint32_t cnt = type_table__cnt(census->types);
	_cleanup_account_free_ uint8_t *owners =
		account__calloc(census->heap->account, 1, bits__bytes(cnt));
	uint32_t room = MEMBER_LISTS_MAX;
	int err = 0;

	if (!owners)
		return -errno;
	for (uint32_t i = 0; i < cnt && !err; i++) {
		bool owns;

		err = may_own(census, type_table__at(census->types, i), &room, &owns);
		if (!err && owns)
			bits__set(owners, i);
	}
	if (!err)
		*out = TAKE_PTR(owners);
	return err;
}

/*
 * What the word at @offset of an object of @type points to. In front of the object, @offset is
 * negative.
 */
static enum block_part part_of(const struct census *census, const struct type *type, int64_t offset)
{
	if (offset < 0)
		return PART_VALUES;
	if (type->flags & TYPE_LIST_SUBCLASS && offset == LIST_ITEMS)
		return PART_ITEMS;
	if (type->flags & TYPE_DICT_SUBCLASS && census->layout.dict_has_table)
		return offset == DICT_TABLE ? PART_TABLE : PART_NONE;
	if (type->flags & TYPE_DICT_SUBCLASS && offset == DICT_KEYS)
		return PART_KEYS;
	if (type->flags & TYPE_DICT_SUBCLASS && offset == DICT_VALUES)
		return PART_VALUES;
	if (type->is_set && offset == SET_TABLE)
		return PART_TABLE;
	return PART_NONE;
}

/* Whether the word at @offset of an object of @kind can only point to a buffer of that object. */
static bool points_to_buffer(const struct census *census, uint32_t kind, int64_t offset)
{
	const struct type *type = census__object_type(census, kind);

	/* The words of PyGC_Head, right before the object, point to other objects. */
	if (offset < 0)
		return offset < -(int64_t)census->layout.gc_head_bytes &&
		       object_layout__has_managed_dict(&census->layout, type->flags);
	return part_of(census, type, offset) != PART_NONE;
}

/* The kind of the buffer that the word at @offset of an object of @kind points to. */
static uint32_t buffer_kind(const struct census *census, uint32_t kind, int64_t offset)
{
	static const enum block_part of_dicts[BLOCK_PART_CNT] = {
		[PART_KEYS] = PART_DICT_KEYS,
		[PART_VALUES] = PART_DICT_VALUES,
		[PART_TABLE] = PART_DICT_TABLE,
	};
	enum block_part part = part_of(census, census__object_type(census, kind), offset);

	if (block_kind__part(kind) == PART_DICT && of_dicts[part])
		return block_kind(BLOCK_BUFFER, of_dicts[part], block_kind__type(kind));
	return block_kind(BLOCK_BUFFER, part, block_kind__type(census__plain_kind(census, kind)));
}

/*
 * The place of the block that the word at @offset of a block of @kind points to, if that makes it a
 * buffer; else PLACE_NONE. A buffer whose first words have not been written yet still contains what
 * was in its block before: often a freed object, so it looks like an object on a free list. The
 * pointer from a live object is better evidence, but only in a word that can point to nothing but a
 * buffer: other words may be stale themselves.
 */
static uint32_t find_buffer(const struct round *round, uint64_t word, uint32_t kind, int64_t offset)
{
	const struct census *census = round->census;
	enum block_role role;
	uint32_t place;

	if (word < census->blocks.start || word >= census->blocks.end)
		return PLACE_NONE;
	place = block_table__find(&census->blocks, word);
	if (place == PLACE_NONE)
		return PLACE_NONE;
	role = block_kind__role(census->blocks.words[place]);
	if (role == BLOCK_UNKNOWN || (role == BLOCK_FREE_LISTED && round->owner == OBJECTS &&
				      points_to_buffer(census, kind, offset)))
		return place;
	return PLACE_NONE;
}

static int add_end(struct round *round, uint32_t place)
{
	int err = ACCOUNT_RESERVE(round->census->heap->account, round->ends, round->end_capacity,
				  round->end_cnt + 1);

	if (!err)
		round->ends[round->end_cnt++] = place;
	return err;
}

static void take(struct round *round, uint32_t place, uint32_t kind)
{
	if (block_kind__role(round->census->blocks.words[place]) == BLOCK_FREE_LISTED)
		round->free_listed_cnt--;
	else
		round->unknown_cnt--;
	round->census->blocks.words[place] = kind;
	bits__set(round->found, place);
	round->found_cnt++;
	if (round->lists_ends && !round->err)
		round->err = add_end(round, place);
}

/* @bytes: a block of @kind. If it holds an object, the object begins at @object_offset. */
static void follow(struct round *round, const uint8_t *bytes, uint32_t size, uint32_t kind,
		   uint32_t object_offset)
{
	/* Where all allocations are in one heap, one that is pointed to may be anything. */
	int64_t head_bytes = round->census->heap->spans ? round->census->layout.gc_head_bytes : 0;

	for (uint32_t at = 0; at + 8 <= size; at += 8) {
		int64_t offset = (int64_t)at - object_offset;
		uint32_t place;

		/* The words of PyGC_Head point to other objects. */
		if (round->owner != BUFFERS && offset < 0 && offset >= -head_bytes)
			continue;
		place = find_buffer(round, word_at(bytes + at), kind, offset);
		if (place == PLACE_NONE)
			continue;
		/* What a buffer points to belongs to the same object. */
		take(round, place,
		     round->owner == BUFFERS ? kind : buffer_kind(round->census, kind, offset));
	}
}

/* Whether this round can still find anything. */
static bool is_any_left(const struct round *round)
{
	return round->unknown_cnt || (round->owner == OBJECTS && round->free_listed_cnt);
}

static bool wants(const struct block_span *span, void *context)
{
	const struct round *round = context;
	const uint32_t *kinds = &round->census->blocks.words[span->first_place];
	uint32_t last = block_kind(BLOCK_FREE, PART_NONE, 0);

	for (uint32_t i = 0; i < span->block_cnt && is_any_left(round); i++) {
		/* Most blocks are of the same kind as the one before. */
		if (round->owner != BUFFERS && kinds[i] == last)
			continue;
		if (points(round, span->first_place + i))
			return true;
		last = kinds[i];
	}
	return false;
}

/*
 * How many bytes to follow of a block that was of @kind, of which @size bytes are a new copy. None
 * if another object is there by now. Behind an object without items follows what was there before.
 */
static uint32_t bytes_to_follow(const struct census *census, uint32_t kind, const uint8_t *bytes,
				uint32_t size)
{
	const struct type *type = census__object_type(census, kind);
	uint32_t offset = census__object_offset(census, kind);
	uint64_t end = offset + type->basic_size;

	if (block_kind__role(kind) != BLOCK_OBJECT)
		return size;
	if (offset + 16 > size || word_at(bytes + offset + 8) != type->address)
		return 0;
	return type->item_size || end > size ? size : (uint32_t)end;
}

static int visit(const struct block_span *span, const struct pool_copy *copy, void *context)
{
	struct round *round = context;
	struct census *census = round->census;
	uint32_t size = pool_reader__copy_bytes(span);

	for (uint32_t i = 0; i < span->block_cnt && copy->bytes; i++) {
		uint32_t place = span->first_place + i, kind = census->blocks.words[place];
		uint32_t offset = span->first_block + i * size;

		if (points(round, place) && pool_copy__has(copy, offset, size))
			follow(round, copy->bytes + offset,
			       bytes_to_follow(census, kind, copy->bytes + offset, size), kind,
			       census__object_offset(census, kind));
	}
	return 0;
}

/* Types are on the malloc heap, and own what their instances share. */
static int follow_types(struct round *round)
{
	struct census *census = round->census;

	for (uint32_t i = 0; i < type_table__cnt(census->types); i++) {
		const struct type *type = type_table__at(census->types, i);
		uint32_t meta = type_table__find(census->types, type->metatype);
		uint8_t bytes[TYPE_BYTES];
		int err;

		err = memory__read(census->memory, type->address, bytes, sizeof(bytes));
		if (err && err != -EFAULT)
			return err;
		if (!err && meta < TYPE_UNSEEN)
			follow(round, bytes, sizeof(bytes), block_kind(BLOCK_OBJECT, 0, meta), 0);
	}
	return 0;
}

/* Follows what the block at @place points to. @buffer: room for BLOCK_COPY_MAX bytes. */
static int follow_block(struct round *round, uint32_t place, uint8_t *buffer)
{
	const struct census *census = round->census;
	const struct block_span *span = block_table__span_of(&census->blocks, place);
	uint32_t size = pool_reader__copy_bytes(span), kind = census->blocks.words[place];
	uint32_t left = census->layout.debug_bytes, right = left + DEQUE_RIGHT_LINK;
	int err = memory__read(census->memory, block_table__address(&census->blocks, place), buffer,
			       size);

	if (err)
		return err == -EFAULT ? 0 : err;
	if (!is_of_deque(census, kind)) {
		follow(round, buffer, size, kind, 0);
	} else if (right + 8 <= size) {
		/* Between its links, words of a deque's block are items, or were. */
		follow(round, buffer + left, 8, kind, 0);
		follow(round, buffer + right, 8, kind, 0);
	}
	return round->err;
}

/* Follows lists on from the blocks that the last round has found. */
static int follow_lists(struct round *round, bool of_deques)
{
	_cleanup_account_free_ uint8_t *buffer =
		account__alloc(round->census->heap->account, BLOCK_COPY_MAX);
	const struct census *census = round->census;
	int err = buffer ? 0 : -errno;

	for (uint32_t i = 0; i < census->blocks.place_cnt && !err; i++)
		if (bits__get(round->found, i) &&
		    (of_deques ? is_of_deque(census, census->blocks.words[i])
			       : may_lead_on(census, census->blocks.words[i])))
			err = add_end(round, i);
	round->owner = BUFFERS;
	round->lists_ends = true;
	for (uint32_t i = 0; i < LIST_BLOCKS_MAX && round->end_cnt && round->unknown_cnt && !err;
	     i++)
		err = follow_block(round, round->ends[--round->end_cnt], buffer);
	round->lists_ends = false;
	account__free(TAKE_PTR(round->ends));
	round->end_cnt = round->end_capacity = 0;
	return err;
}

static uint64_t count_role(const struct census *census, enum block_role role)
{
	uint64_t cnt = 0;

	for (uint32_t i = 0; i < census->blocks.place_cnt; i++)
		cnt += block_kind__role(census->blocks.words[i]) == role;
	return cnt;
}

static int run_round(struct round *round, enum owner owner)
{
	const struct pool_visitor visitor = {.wants = wants, .visit = visit, .context = round};
	size_t bytes = bits__bytes(round->census->blocks.place_cnt);
	uint8_t *before = round->pointing;

	if (owner == BUFFERS) {
		round->pointing = round->found;
		round->found = before;
		memset(round->found, 0, bytes);
	}
	round->owner = owner;
	round->found_cnt = 0;
	return pool_reader__run(round->census->heap, &round->census->blocks, round->census->memory,
				&visitor);
}

/* Whether so few blocks are left that reading all texts is not worth it. */
static bool is_little(const struct round *round)
{
	return round->unknown_cnt * LITTLE_SHARE < round->census->blocks.place_cnt;
}

int buffers__attribute(struct census *census)
{
	_cleanup_account_free_ uint8_t *bits =
		account__calloc(census->heap->account, 2, bits__bytes(census->blocks.place_cnt));
	_cleanup_account_free_ uint8_t *owners = NULL;
	struct round round = {.census = census,
			      .unknown_cnt = count_role(census, BLOCK_UNKNOWN),
			      .free_listed_cnt = count_role(census, BLOCK_FREE_LISTED)};
	int err;

	if (!bits)
		return -errno;
	round.found = bits;
	round.pointing = bits + bits__bytes(census->blocks.place_cnt);
	err = find_owners(census, &owners);
	if (err)
		return err;
	round.owners = owners;
	err = run_round(&round, OBJECTS);
	if (!err && census->heap->spans)
		err = follow_lists(&round, true);
	if (!err)
		err = follow_types(&round);
	if (!err && !is_little(&round))
		err = run_round(&round, STRINGS);
	for (int i = 0; i < ROUNDS_MAX && !err && round.unknown_cnt; i++) {
		err = run_round(&round, BUFFERS);
		if (!round.found_cnt)
			break;
	}
	return err || !round.found_cnt ? err : follow_lists(&round, false);
}
