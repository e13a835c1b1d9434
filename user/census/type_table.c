// SPDX-License-Identifier: BSD-2-Clause
#include "census/type_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "census/type_sizes.h"
#include "target/py_string.h"
#include "util/checked.h"
#include "util/cleanup.h"
#include "util/hash_map.h"
#include "util/text.h"

/* struct _typeobject up to tp_dictoffset. */
struct type_object {
	uint64_t refcnt, type, size;
	uint64_t name; /* const char * */
	int64_t basic_size, item_size;
	uint64_t slots[15];
	uint64_t flags;
	uint64_t doc, traverse, clear, richcompare;
	int64_t weak_offset;
	uint64_t iter, iternext, methods, members, getset, base;
	uint64_t dict;
	uint64_t get, set;
	int64_t dict_offset;
};
_Static_assert(offsetof(struct type_object, flags) == 168, "tp_flags");
_Static_assert(offsetof(struct type_object, weak_offset) == 208, "tp_weaklistoffset");
_Static_assert(offsetof(struct type_object, members) == 240, "tp_members");
_Static_assert(offsetof(struct type_object, dict) == TYPE_DICT_OFFSET, "tp_dict");
_Static_assert(offsetof(struct type_object, dict_offset) == 288, "tp_dictoffset");

#define ADDRESS_MAX (1UL << 56)
/*
 * Length of the chain from a type to its metatype, to the type of that, and so on up to `type`,
 * which is its own type.
 */
#define METATYPES_MAX 8
/* Initial capacity, in addresses. */
#define SEEN_MIN 512

/* What is known about an address that was noted. */
enum verdict {
	NOTED,
	NO_TYPE,
	IS_TYPE,
};

struct seen {
	uint64_t address;
	uint32_t number; /* IS_TYPE: index in types[] */
	uint32_t verdict;
};

struct type_table {
	const struct memory *memory;
	struct hash_map seen; /* struct seen, by address */
	uint64_t *noted;
	size_t noted_cnt, noted_capacity;
	struct type *types;
	size_t type_cnt, type_capacity;
	uint64_t refused_cnt;
};

int type_table__new(struct type_table **out, const struct memory *memory)
{
	_cleanup_(type_table__freep) struct type_table *table = calloc(1, sizeof(*table));
	int err;

	if (!table)
		return -ENOMEM;
	table->memory = memory;
	table->seen =
		(struct hash_map){.entry_bytes = sizeof(struct seen), .account = memory->account};
	err = hash_map__reserve(&table->seen, SEEN_MIN);
	if (err)
		return err;
	*out = TAKE_PTR(table);
	return 0;
}

void type_table__free(struct type_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->type_cnt; i++)
		account__free(table->types[i].name);
	account__free(table->types);
	account__free(table->noted);
	hash_map__release(&table->seen);
	free(table);
}

void type_table__freep(struct type_table **table)
{
	type_table__free(*table);
}

uint32_t type_table__find(const struct type_table *table, uint64_t address)
{
	const struct seen *seen = hash_map__find(&table->seen, address);

	if (!seen || seen->verdict == NOTED)
		return TYPE_UNSEEN;
	return seen->verdict == IS_TYPE ? seen->number : TYPE_NONE;
}

int type_table__note(struct type_table *table, uint64_t address)
{
	struct seen *seen;
	int err;

	if (hash_map__find(&table->seen, address))
		return 0;
	err = ACCOUNT_RESERVE(table->memory->account, table->noted, table->noted_capacity,
			      table->noted_cnt + 1);
	if (err)
		return err;
	seen = hash_map__add(&table->seen, address);
	if (!seen)
		return -errno;
	seen->verdict = NOTED;
	table->noted[table->noted_cnt++] = address;
	return 0;
}

/* Whether this can be a type, regardless of its metatype and sizes. */
static bool is_plausible(const struct type_object *object)
{
	return object->type && object->type % 8 == 0 && object->type < ADDRESS_MAX &&
	       object->name && object->name < ADDRESS_MAX && object->flags & TYPE_READY;
}

static bool has_plausible_sizes(const struct type_object *object, const char *name)
{
	return type_sizes__are_plausible(&(struct type_sizes){
		.name = name,
		.flags = object->flags,
		.basic_size = object->basic_size,
		.item_size = object->item_size,
		.weak_offset = object->weak_offset,
		.dict_offset = object->dict_offset,
	});
}

/* Whether an object whose type is @type can be a type. */
static bool is_metatype(const struct type_table *table, uint64_t type)
{
	uint32_t number = type_table__find(table, type);

	return number < TYPE_UNSEEN && table->types[number].flags & TYPE_TYPE_SUBCLASS;
}

/*
 * Whether this can be a name. A class made in Python may have any name: an empty one, or one with
 * control characters. Most other memory is not UTF-8. In 2.7 a name may be any bytes, and of those
 * that are not UTF-8, only the printable ones are accepted.
 */
static bool is_name(const char *text)
{
	if (text__is_utf8(text))
		return true;
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

/*
 * Reads the text at @address and what follows, up to @size bytes. Returns how many of them are
 * readable, or as memory__read().
 */
static int read_text(const struct memory *memory, uint64_t address, char *text, size_t size)
{
	size_t have = 0;

	/* Read page by page: the next page may not be readable. */
	while (have < size && !memchr(text, 0, have)) {
		size_t more = 4096 - (address + have) % 4096;
		int err;

		if (more > size - have)
			more = size - have;
		err = memory__read(memory, address + have, text + have, more);
		if (err == -EFAULT)
			break;
		if (err)
			return err;
		have += more;
	}
	return (int)have;
}

/*
 * Reads the name at @address. One that is longer than TYPE_NAME_BYTES_MAX is cut. *out is NULL if
 * there is no text that can be a name. *has_dot: whether the part that was read contains a dot.
 */
static int read_name(char **out, bool *has_dot, const struct memory *memory, uint64_t address)
{
	char text[TYPE_NAME_BYTES_MAX + sizeof(PY_STRING_CUT)];
	int size = read_text(memory, address, text, TYPE_NAME_BYTES_MAX + 1);
	bool is_cut;

	*out = NULL;
	if (size < 0)
		return size;
	is_cut = !memchr(text, 0, (size_t)size);
	if (is_cut && size <= TYPE_NAME_BYTES_MAX)
		return 0;
	if (is_cut)
		text[text__whole_characters(text, TYPE_NAME_BYTES_MAX)] = '\0';
	if (!is_name(text))
		return 0;
	*has_dot = strchr(text, '.') != NULL;
	strcat(text, is_cut ? PY_STRING_CUT : "");
	*out = account__strdup(memory->account, text);
	return *out ? 0 : -errno;
}

static bool is_generator(const char *name)
{
	return !strcmp(name, "generator") || !strcmp(name, "coroutine") ||
	       !strcmp(name, "async_generator");
}

static int decide(struct type_table *table, uint64_t address, const struct type_object *object)
{
	_cleanup_account_free_ char *name = NULL;
	struct seen *seen = hash_map__find(&table->seen, address);
	bool built_in, has_dot;
	int err;

	seen->verdict = NO_TYPE;
	err = read_name(&name, &has_dot, table->memory, object->name);
	if (err)
		return err;
	if (table->type_cnt >= TYPES_MAX || !name || !has_plausible_sizes(object, name)) {
		table->refused_cnt++;
		return 0;
	}
	err = ACCOUNT_RESERVE(table->memory->account, table->types, table->type_capacity,
			      table->type_cnt + 1);
	if (err)
		return err;
	built_in = !(object->flags & TYPE_HEAPTYPE);
	seen->verdict = IS_TYPE;
	seen->number = (uint32_t)table->type_cnt;
	table->types[table->type_cnt++] = (struct type){
		.address = address,
		.flags = object->flags,
		.metatype = object->type,
		.basic_size = (uint64_t)object->basic_size,
		.item_size = magnitude(object->item_size),
		.dict = object->dict,
		.base = object->base,
		.members = object->members,
		.has_get = object->get != 0,
		.weak_offset = object->weak_offset,
		.dict_offset = object->dict_offset,
		.name_at = object->name,
		.name_has_dot = has_dot,
		.is_frame = built_in && !strcmp(name, "frame"),
		.is_set = built_in && (!strcmp(name, "set") || !strcmp(name, "frozenset")),
		.is_weakref = built_in && !strncmp(name, "weakref", 7),
		/*
		 * No class made in Python has a dot in tp_name. From 3.12 on, deque is a heap type.
		 */
		.is_deque = !strcmp(name, "collections.deque"),
		.is_generator = built_in && is_generator(name),
		.name = TAKE_PTR(name),
	};
	return 0;
}

/* The noted objects, in the order of noted[]: what was read from each address. */
struct looks {
	struct type_object *objects;
	struct memory_range *ranges;
	size_t cnt, object_capacity, range_capacity;
};

static void looks__release(struct looks *looks)
{
	account__free(looks->objects);
	account__free(looks->ranges);
}

/* Reads the objects noted since the last call. */
static int look(struct type_table *table, struct looks *looks)
{
	size_t first = looks->cnt;
	int err;

	err = ACCOUNT_RESERVE(table->memory->account, looks->objects, looks->object_capacity,
			      table->noted_cnt);
	if (!err)
		err = ACCOUNT_RESERVE(table->memory->account, looks->ranges, looks->range_capacity,
				      table->noted_cnt);
	if (err)
		return err;
	for (size_t i = first; i < table->noted_cnt; i++)
		looks->ranges[i] = (struct memory_range){.address = table->noted[i],
							 .buffer = &looks->objects[i],
							 .size = sizeof(looks->objects[i])};
	looks->cnt = table->noted_cnt;
	return memory__read_ranges(table->memory, looks->ranges + first, looks->cnt - first);
}

/* Notes the types of everything that could be a type, then the types of these, and so on. */
static int look_at_metatypes(struct type_table *table, struct looks *looks)
{
	size_t from = 0;
	int err = 0;

	for (int i = 0; i < METATYPES_MAX && from < table->noted_cnt && !err; i++) {
		err = look(table, looks);
		for (; from < looks->cnt && !err; from++)
			if (!looks->ranges[from].failed && is_plausible(&looks->objects[from]))
				err = type_table__note(table, looks->objects[from].type);
	}
	return err;
}

/* Whether it is `type`, the only type that is its own type. */
static bool is_type_of_itself(uint64_t address, const struct type_object *object)
{
	return object->type == address && object->flags & TYPE_TYPE_SUBCLASS;
}

static enum verdict verdict_on(const struct type_table *table, uint64_t noted)
{
	return ((const struct seen *)hash_map__find(&table->seen, noted))->verdict;
}

/* Decides on those whose metatype has been decided on. *any: whether there were any. */
static int decide_round(struct type_table *table, const struct looks *looks, bool *any)
{
	int err = 0;

	*any = false;
	for (size_t i = 0; i < looks->cnt && !err; i++) {
		const struct type_object *object = &looks->objects[i];
		uint64_t address = table->noted[i];

		if (verdict_on(table, address) != NOTED || looks->ranges[i].failed ||
		    !is_plausible(object))
			continue;
		if (!is_type_of_itself(address, object) && !is_metatype(table, object->type))
			continue;
		*any = true;
		err = decide(table, address, object);
	}
	return err;
}

int type_table__resolve(struct type_table *table)
{
	_cleanup_(looks__release) struct looks looks = {};
	bool any = true;
	int err;

	err = look_at_metatypes(table, &looks);
	/* Each round decides on the types whose metatypes were decided on in the round before. */
	for (int i = 0; i <= METATYPES_MAX && !err && any; i++)
		err = decide_round(table, &looks, &any);
	for (size_t i = 0; i < table->noted_cnt; i++) {
		struct seen *seen = hash_map__find(&table->seen, table->noted[i]);

		if (seen->verdict != NOTED)
			continue;
		seen->verdict = NO_TYPE;
		/* Only if there were too few rounds. */
		table->refused_cnt += any && i < looks.cnt && !looks.ranges[i].failed &&
				      is_plausible(&looks.objects[i]) &&
				      is_metatype(table, looks.objects[i].type);
	}
	table->noted_cnt = 0;
	return err;
}

int type_table__rename(struct type_table *table, uint32_t number, const char *name)
{
	char *kept = account__strdup(table->memory->account, name);

	if (!kept)
		return -errno;
	account__free(table->types[number].name);
	table->types[number].name = kept;
	return 0;
}

const struct type *type_table__at(const struct type_table *table, uint32_t number)
{
	return &table->types[number];
}

uint32_t type_table__cnt(const struct type_table *table)
{
	return (uint32_t)table->type_cnt;
}

uint64_t type_table__refused_cnt(const struct type_table *table)
{
	return table->refused_cnt;
}

const struct type *type_table__base(const struct type_table *table, const struct type *type)
{
	uint32_t number = type->base ? type_table__find(table, type->base) : TYPE_NONE;

	return number < TYPE_UNSEEN ? &table->types[number] : NULL;
}

uint32_t type_table__built_in(const struct type_table *table, const char *name)
{
	for (uint32_t i = 0; i < table->type_cnt; i++)
		if (!(table->types[i].flags & TYPE_HEAPTYPE) && !strcmp(table->types[i].name, name))
			return i;
	return TYPE_NONE;
}
