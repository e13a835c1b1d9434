// SPDX-License-Identifier: BSD-2-Clause
#include "census/census_take.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "census/buffers.h"
#include "census/free_list_types.h"
#include "census/free_listed.h"
#include "census/pool_reader.h"
#include "census/type_name.h"
#include "util/cleanup.h"
#include "util/word.h"

#define PYOBJECT_BYTES	   16
#define ASCII_OBJECT_BYTES 40 /* PyASCIIObject, 3.12 and later; it is larger in older versions */
/*
 * Offsets of objects in their blocks: 0; after PyGC_Head; after a pre-header and PyGC_Head; after a
 * pre-header.
 */
#define OFFSETS_MAX 4
/*
 * How many keys of types' dicts are read as texts. Usually the first key is "__module__", and it is
 * the same object in all types.
 */
#define MODULE_KEYS_MAX (1UL << 18)

/* State of the first look at all blocks. */
struct look {
	struct census *census;
	uint32_t offsets[OFFSETS_MAX];
	size_t offset_cnt;
	/* Blocks with a word that could be the address of a type and has not been checked yet. */
	struct later {
		uint32_t place;
		uint64_t size;
		const uint8_t *bytes;
	} * later;
	size_t later_cnt, later_capacity;
	/* Dicts that belong to instances. */
	struct claim {
		uint64_t dict;
		uint32_t type; /* the type of the instance */
	} * claims;
	size_t claim_cnt, claim_capacity;
	struct free_list_links links;
	/* The last type found: most objects are of the same type as the one before. */
	struct {
		uint64_t address; /* 0: none */
		uint32_t number;
		bool is_plain; /* its objects have no dict and are not weak references */
	} last;
};

/* What was found in a block. */
struct finding {
	uint32_t kind;
	/*
	 * A word could be the address of a type that has not been checked: the kind is not known
	 * yet.
	 */
	bool is_unseen;
	bool has_link; /* @link is set: a BLOCK_UNKNOWN may be on a free list */
	struct free_list_link link;
};

static void find_offsets(struct look *look, const struct object_layout *layout)
{
	const uint64_t flags[OFFSETS_MAX] = {0, TYPE_HAVE_GC,
					     TYPE_HAVE_GC | layout->pre_header_flags,
					     layout->pre_header_flags};

	for (size_t i = 0; i < OFFSETS_MAX; i++) {
		uint32_t offset = object_layout__object_offset(layout, flags[i]);
		bool is_new = true;

		for (size_t j = 0; j < look->offset_cnt; j++)
			is_new &= look->offsets[j] != offset;
		if (is_new)
			look->offsets[look->offset_cnt++] = offset;
	}
}

/*
 * Whether @word, the first word of an object, can be its reference count. Where addresses are small
 * (a program that is not position-independent, and its malloc heap), they could be mistaken for
 * counts if there were enough memory for so many references. The count of an immortal object has
 * the highest of 32 bits set (_Py_IsImmortal(), Include/refcount.h, 3.12 and later). The bit below
 * it would not be sufficient: the malloc heap begins up to 1 GiB after the program, so in one of a
 * hundred processes that bit is set in addresses, too.
 */
static bool can_be_refcnt(const struct census *census, uint64_t word)
{
	uint64_t cnt = word & census->layout.refcnt_bits;

	return object_layout__is_refcnt(&census->layout, word) &&
	       (cnt <= census->refcnt_max ||
		(census->major == 3 && census->minor >= 12 && cnt >> 31 == 1));
}

/* The basic size of str is the size of its largest form (Include/cpython/unicodeobject.h). */
static uint64_t least_bytes(const struct type *type)
{
	return type->flags & TYPE_UNICODE_SUBCLASS ? ASCII_OBJECT_BYTES : type->basic_size;
}

/* Whether the number of items that an object claims to have fits into its block. */
static bool items_fit(const struct object_layout *layout, const struct type *type,
		      const uint8_t *object, uint64_t size)
{
	if (!object_layout__has_item_count(layout, type))
		return true;
	return size >= PYOBJECT_BYTES + 8 &&
	       word_at(object + PYOBJECT_BYTES) <= (size - least_bytes(type)) / type->item_size;
}

/*
 * The kind of a block, provided that an object of type @number is at @offset; BLOCK_UNKNOWN if it
 * is not.
 */
static uint32_t classify_as(const struct census *census, uint32_t number, const uint8_t *bytes,
			    uint64_t size, uint32_t offset)
{
	const struct object_layout *layout = &census->layout;
	const struct type *type = type_table__at(census->types, number);
	const uint8_t *object = bytes + offset, *head = object - layout->gc_head_bytes;
	bool has_head = type->flags & TYPE_HAVE_GC;

	if (object_layout__object_offset(layout, type->flags) != offset ||
	    offset + least_bytes(type) > size || !items_fit(layout, type, object, size - offset) ||
	    (has_head && !object_layout__is_gc_head(layout, head)))
		return block_kind(BLOCK_UNKNOWN, PART_NONE, 0);
	return block_kind(word_at(object) & layout->refcnt_bits ? BLOCK_OBJECT : BLOCK_FREE_LISTED,
			  PART_NONE, number) |
	       (has_head && object_layout__is_tracked(layout, head) ? BLOCK_TRACKED : 0);
}

static uint32_t find_type(struct look *look, uint64_t address)
{
	const struct census *census = look->census;
	const struct type *type;
	uint32_t number;

	if (address && address == look->last.address)
		return look->last.number;
	number = type_table__find(census->types, address);
	if (number >= TYPE_UNSEEN)
		return number;
	type = type_table__at(census->types, number);
	look->last.address = address;
	look->last.number = number;
	look->last.is_plain = !object_layout__has_managed_dict(&census->layout, type->flags) &&
			      !type->dict_offset && !type->is_weakref;
	return number;
}

/*
 * Looks for an object at @offset in a block, of which @bytes is a copy. A live object takes
 * precedence over one that seems to be on a free list: the latter may be left over in words that
 * have not been overwritten.
 */
static int look_at_offset(struct look *look, const uint8_t *bytes, uint64_t size, uint32_t offset,
			  struct finding *finding)
{
	const struct census *census = look->census;
	uint64_t word = word_at(bytes + offset), type = word_at(bytes + offset + 8);
	bool is_link = !can_be_refcnt(census, word);
	uint32_t number, found;
	int err = 0;

	if (is_link && !free_listed__is_link(census, word))
		return 0;
	number = find_type(look, type);
	if (number == TYPE_UNSEEN && census__could_be_type(census, type)) {
		finding->is_unseen = true;
		err = type_table__note(census->types, type);
	}
	if (number >= TYPE_UNSEEN)
		return err;
	found = classify_as(census, number, bytes, size, offset);
	if (block_kind__role(found) == BLOCK_UNKNOWN)
		return err;
	if (is_link) {
		finding->has_link = true;
		finding->link = (struct free_list_link){.type = number, .next = word};
	} else {
		finding->kind = found;
	}
	return err;
}

static int look_into(struct look *look, const uint8_t *bytes, uint64_t size,
		     struct finding *finding)
{
	int err = 0;

	*finding = (struct finding){.kind = block_kind(BLOCK_UNKNOWN, PART_NONE, 0)};
	for (size_t i = 0;
	     i < look->offset_cnt && !err && block_kind__role(finding->kind) != BLOCK_OBJECT; i++)
		if (look->offsets[i] + PYOBJECT_BYTES <= size)
			err = look_at_offset(look, bytes, size, look->offsets[i], finding);
	if (block_kind__role(finding->kind) != BLOCK_UNKNOWN || finding->has_link)
		return err;
	finding->link.type = TYPE_NONE;
	finding->link.is_keys = free_listed__is_keys(look->census, bytes, size);
	finding->has_link = finding->link.is_keys ||
			    free_listed__is_float(look->census, bytes, size, &finding->link.next);
	return err;
}

/* Records the dict of the instance in a block. */
static int claim_dict(struct look *look, uint32_t kind, const uint8_t *bytes, uint64_t size)
{
	struct census *census = look->census;
	const struct type *type = type_table__at(census->types, block_kind__type(kind));
	uint32_t offset = object_layout__object_offset(&census->layout, type->flags);
	const struct object_copy object = {.bytes = bytes + offset,
					   .before = offset,
					   .size = (size < BLOCK_COPY_MAX ? size : BLOCK_COPY_MAX) -
						   offset};
	uint64_t dict;
	int64_t at;
	int err;

	if (!object_layout__has_managed_dict(&census->layout, type->flags) && !type->dict_offset)
		return 0;
	at = object_layout__dict_at(&census->layout, type, &object);
	dict = at ? object_copy__word(&object, at) : 0;
	if (!dict || dict % 8 || !heap__region_around(census->heap, dict))
		return 0;
	err = ACCOUNT_RESERVE(census->heap->account, look->claims, look->claim_capacity,
			      look->claim_cnt + 1);
	if (!err)
		look->claims[look->claim_cnt++] = (struct claim){dict, block_kind__type(kind)};
	return err;
}

/*
 * Notes the referent of a weak reference, since it may be a type. The base of each type has a weak
 * reference to it, so all types are found, even those without instances.
 */
static int note_referent(struct look *look, uint32_t kind, const uint8_t *bytes, uint64_t size)
{
	struct census *census = look->census;
	const struct type *type = type_table__at(census->types, block_kind__type(kind));
	uint32_t at = object_layout__object_offset(&census->layout, type->flags) + PYOBJECT_BYTES;
	uint64_t referent;

	if (!type->is_weakref || at + 8 > size)
		return 0;
	referent = word_at(bytes + at);
	return census__could_be_type(census, referent) ? type_table__note(census->types, referent)
						       : 0;
}

static int take_finding(struct look *look, uint32_t place, const struct finding *finding,
			const uint8_t *bytes, uint64_t size)
{
	struct free_list_link link = finding->link;
	int err;

	look->census->blocks.words[place] = finding->kind;
	if (block_kind__role(finding->kind) == BLOCK_UNKNOWN && finding->has_link) {
		link.place = place;
		return free_list_links__add(&look->links, link);
	}
	if (block_kind__role(finding->kind) != BLOCK_OBJECT ||
	    (look->last.is_plain && block_kind__type(finding->kind) == look->last.number))
		return 0;
	err = claim_dict(look, finding->kind, bytes, size);
	return err ? err : note_referent(look, finding->kind, bytes, size);
}

static int look_at_block(struct look *look, uint32_t place, const uint8_t *bytes, uint64_t size)
{
	struct finding finding;
	int err = look_into(look, bytes, size, &finding);

	if (err)
		return err;
	if (!finding.is_unseen)
		return take_finding(look, place, &finding, bytes, size);
	look->census->blocks.words[place] = block_kind(BLOCK_UNKNOWN, PART_NONE, 0);
	err = ACCOUNT_RESERVE(look->census->heap->account, look->later, look->later_capacity,
			      look->later_cnt + 1);
	if (!err)
		look->later[look->later_cnt++] = (struct later){place, size, bytes};
	return err;
}

static int look_at_span(const struct block_span *span, const struct pool_copy *copy, void *context)
{
	struct look *look = context;
	struct census *census = look->census;
	const uint64_t *live = block_map__span_bits(census->heap->blocks, span->address);
	uint32_t offset = span->first_block;
	int err = 0;

	for (uint32_t i = 0; i < span->block_cnt && !err;
	     i++, offset += pool_reader__copy_bytes(span)) {
		if (!pool_reader__is_live(census->heap, live, offset))
			continue;
		if (pool_copy__has(copy, offset, pool_reader__copy_bytes(span))) {
			err = look_at_block(look, span->first_place + i, copy->bytes + offset,
					    span->block_size);
			continue;
		}
		census->blocks.words[span->first_place + i] = block_kind(BLOCK_UNKNOWN, 0, 0);
		census->unreadable_blocks++;
	}
	return err;
}

static int look_again(void *context)
{
	struct look *look = context;
	int err = type_table__resolve(look->census->types);

	for (size_t i = 0; i < look->later_cnt && !err; i++) {
		const struct later *later = &look->later[i];
		struct finding finding; /* now all types have been checked */

		err = look_into(look, later->bytes, later->size, &finding);
		if (!err)
			err = take_finding(look, later->place, &finding, later->bytes, later->size);
	}
	look->later_cnt = 0;
	/* The types noted by the second look. */
	return err ? err : type_table__resolve(look->census->types);
}

/* Marks the claimed dicts as the dicts of their instances. */
static void settle_claims(struct look *look)
{
	struct census *census = look->census;
	uint32_t plain = block_kind(BLOCK_OBJECT, PART_NONE, census->dict_type);

	for (size_t i = 0; i < look->claim_cnt; i++) {
		const struct claim *claim = &look->claims[i];
		uint32_t place = block_table__find(&census->blocks, claim->dict);
		uint32_t *word;

		if (place == PLACE_NONE)
			continue;
		word = &census->blocks.words[place];
		if ((*word & ~BLOCK_TRACKED) == plain)
			*word = block_kind(BLOCK_OBJECT, PART_DICT, claim->type) |
				(*word & BLOCK_TRACKED);
	}
}

static int look_at_blocks(struct census *census)
{
	struct look look = {.census = census, .links.account = census->heap->account};
	const struct pool_visitor visitor = {.visit = look_at_span,
					     .end_batch = look_again,
					     .context = &look};
	int err;

	find_offsets(&look, &census->layout);
	err = pool_reader__run(census->heap, &census->blocks, census->memory, &visitor);
	census->dict_type = type_table__built_in(census->types, "dict");
	if (!err) {
		settle_claims(&look);
		err = free_list_links__settle(&look.links, census);
	}
	account__free(look.later);
	account__free(look.claims);
	free_list_links__release(&look.links);
	return err;
}

/* Sets @used, indexed by type number, for each type that a block refers to. */
static void mark_used(const struct census *census, bool *used)
{
	for (uint32_t i = 0; i < census->blocks.place_cnt; i++) {
		uint32_t kind = census->blocks.words[i];

		if (block_kind__role(kind) > BLOCK_UNKNOWN)
			used[block_kind__type(kind)] = true;
	}
}

/* Gives types their full names, except for types without any block: a program has many of those. */
static int name_types(struct census *census)
{
	struct type_namer namer = {
		.memory = census->memory,
		.offsets = &census->offsets,
		.dicts = census->dicts,
		.dict_room = DICT_ENTRIES_MAX,
		.key_room = MODULE_KEYS_MAX,
	};
	_cleanup_account_free_ bool *used =
		account__calloc(census->heap->account, type_table__cnt(census->types) + 1,
				sizeof(*used));

	if (!used)
		return -errno;
	mark_used(census, used);
	for (uint32_t i = 0; i < type_table__cnt(census->types); i++) {
		char *name;
		int err;

		if (!used[i])
			continue;
		err = type_namer__name(&namer, type_table__at(census->types, i), &name);
		if (err)
			return err;
		err = type_table__rename(census->types, i, name);
		free(name);
		if (err)
			return err;
	}
	census->unnamed_types = namer.refused_cnt;
	if (namer.name_offset)
		census->shared_keys_offset = namer.name_offset + SHARED_KEYS_BEHIND_NAME;
	return 0;
}

static bool is_cut(const struct census *census, const struct block_span *span)
{
	uint32_t kind = census->blocks.words[span->first_place];

	return span->block_size > BLOCK_COPY_MAX && block_kind__role(kind) != BLOCK_OBJECT &&
	       block_kind__part(kind) == PART_NONE;
}

static void count_cut_blocks(struct census *census)
{
	for (size_t i = 0; i < census->blocks.span_cnt; i++)
		census->cut_blocks += is_cut(census, &census->blocks.spans[i]);
}

int census__take(struct census **out, const struct heap *heap, const struct memory *memory,
		 const struct census_options *options)
{
	_cleanup_(census__freep) struct census *census = calloc(1, sizeof(*census));
	int err;

	if (!census)
		return -ENOMEM;
	census->heap = heap;
	census->memory = memory;
	census->target = options->target;
	census->refcnt_max = options->refcnt_max;
	census->interpreter_cnt = options->interpreter_cnt;
	census->major = options->major;
	census->minor = options->minor;
	census->offsets = *options->offsets;
	census->dicts = dict_layout__of_version(options->major, options->minor);
	census->layout =
		object_layout__of_version(options->major, options->minor,
					  heap->layout.map.alignment, options->debug_hooks);
	err = type_table__new(&census->types, memory);
	if (!err)
		err = block_table__init(&census->blocks, heap);
	if (!err)
		err = look_at_blocks(census);
	if (!err)
		err = buffers__attribute(census);
	if (!err)
		err = free_list_types__settle(census);
	if (!err)
		err = name_types(census);
	count_cut_blocks(census);
	if (!err)
		*out = TAKE_PTR(census);
	return err;
}
