// SPDX-License-Identifier: BSD-2-Clause
#include "census/references.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "census/reference_queue.h"
#include "util/cleanup.h"
#include "util/word.h"

#define PYOBJECT_BYTES 16
#define OB_SIZE	       16
#define BASES_MAX      64

/* Offsets in a type: tp_flags; the end of tp_subclasses, after which there are no references. */
#define TYPE_FLAGS_OFFSET 168
#define STATIC_TYPE_BYTES 368

#define SET_MASK	32
#define UNICODE_27_TEXT 24

/* PyFrameObject: f_back, f_valuestack, f_trace; up to 3.6 followed by the exception */
#define FRAME_BACK	    24
#define FRAME_VALUE_STACK   64
#define FRAME_TRACE	    80
#define FRAME_TRACE_310	    72
#define FRAME_EXCEPTION_END 112

#define DEQUE_LEFT_BLOCK 24
#define DEQUE_LEFT_INDEX 40
/* In 2.7 a deque is not a PyVarObject: its length follows its other members. */
#define DEQUE_27_LEFT_BLOCK 16
#define DEQUE_27_LEFT_INDEX 32
#define DEQUE_27_LENGTH	    48

/* Offsets from the start of an object. */
#define MANAGED_DICT	    (-24)
#define VALUES_OF_311	    (-32)
#define VALUES_TAG	    1UL
#define INLINE_VALUES_VALID 3 /* the byte of PyDictValues that is set if they are in use */

/* Names that instances of a class share; an instance with more attributes has a dict. */
#define SHARED_NAMES_MAX 65536

enum layout {
	LAYOUT_UNSEEN,
	LAYOUT_SCANNED,
	LAYOUT_PLAIN, /* numbers and texts: only what their subclasses add */
	LAYOUT_TUPLE,
	LAYOUT_LIST,
	LAYOUT_DICT,
	LAYOUT_SET,
	LAYOUT_DEQUE,
	LAYOUT_WEAK,
	LAYOUT_FRAME, /* up to 3.10 */
};

struct type_layout {
	enum layout layout;
	uint32_t base_bytes; /* size of an object of the type that the layout is from */
	bool has_names;	     /* the next two members are valid */
	/* Names of its instances' attributes: addresses of str, in the order of the values. */
	uint64_t *names;
	size_t name_cnt;
};

struct references {
	struct census *census;
	struct reference_visitor visitor;
	struct reference_queue *queue;
	struct type_layout *layouts; /* by number of the type */
	size_t layout_capacity;
};

int references__new(struct references **out, struct census *census, refer_fn *refer, void *context)
{
	_cleanup_(references__freep) struct references *references = calloc(1, sizeof(*references));
	int err;

	if (!references)
		return -ENOMEM;
	references->census = census;
	references->visitor = (struct reference_visitor){.refer = refer, .context = context};
	err = reference_queue__new(&references->queue, census, &references->visitor);
	if (err)
		return err;
	*out = TAKE_PTR(references);
	return 0;
}

void references__free(struct references *references)
{
	if (!references)
		return;
	for (size_t i = 0; i < references->layout_capacity; i++)
		account__free(references->layouts[i].names);
	account__free(references->layouts);
	reference_queue__free(references->queue);
	free(references);
}

void references__freep(struct references **references)
{
	references__free(*references);
}

uint64_t references__left_out(const struct references *references)
{
	return reference_queue__left_out(references->queue);
}

static int visit(struct references *references, uint32_t owner, enum reference_how how, uint64_t to,
		 uint64_t index, uint64_t key)
{
	return reference_visitor__visit(&references->visitor, owner, how, to, index, key);
}

/* The layout of a built-in type, not considering its bases. */
static enum layout own_layout(const struct object_layout *objects, const struct type *type)
{
	const uint64_t plain = TYPE_LONG_SUBCLASS | TYPE_BYTES_SUBCLASS | TYPE_UNICODE_SUBCLASS;

	if (type->is_deque)
		return LAYOUT_DEQUE;
	if (type->flags & TYPE_HEAPTYPE)
		return LAYOUT_SCANNED;
	if (!strcmp(type->name, "frame"))
		return objects->frame_has_count ? LAYOUT_FRAME : LAYOUT_SCANNED;
	if (type->flags & plain || !strcmp(type->name, "float") || !strcmp(type->name, "complex"))
		return LAYOUT_PLAIN;
	if (type->flags & TYPE_TUPLE_SUBCLASS)
		return LAYOUT_TUPLE;
	if (type->flags & TYPE_LIST_SUBCLASS)
		return LAYOUT_LIST;
	if (type->flags & TYPE_DICT_SUBCLASS)
		return LAYOUT_DICT;
	if (type->is_set)
		return LAYOUT_SET;
	if (type->is_weakref || !strncmp(type->name, "weak", 4))
		return LAYOUT_WEAK;
	return LAYOUT_SCANNED;
}

/*
 * A type has the layout of the most basic of its bases that has one; what it adds comes after that.
 */
static void find_layout(const struct census *census, uint32_t number, struct type_layout *out)
{
	const struct type *type = type_table__at(census->types, number);

	*out = (struct type_layout){.layout = LAYOUT_SCANNED, .base_bytes = PYOBJECT_BYTES};
	for (int i = 0; i < BASES_MAX && type; i++, type = type_table__base(census->types, type)) {
		enum layout layout = own_layout(&census->layout, type);

		if (layout == LAYOUT_SCANNED)
			continue;
		out->layout = layout;
		out->base_bytes = (uint32_t)type->basic_size;
	}
}

static int layout_of(struct references *references, uint32_t number, struct type_layout **out)
{
	size_t before = references->layout_capacity;
	int err = ACCOUNT_RESERVE(references->census->heap->account, references->layouts,
				  references->layout_capacity, number + 1UL);

	if (err)
		return err;
	memset(references->layouts + before, 0,
	       (references->layout_capacity - before) * sizeof(*references->layouts));
	*out = &references->layouts[number];
	if ((*out)->layout == LAYOUT_UNSEEN)
		find_layout(references->census, number, *out);
	return 0;
}

/* Visits the characters of a unicode object of 2.7 (Include/unicodeobject.h). */
static int take_characters(struct references *references, uint32_t owner,
			   const struct object_copy *text)
{
	return visit(references, owner, REFERS_TO_BUFFER, object_copy__word(text, UNICODE_27_TEXT),
		     0, 0);
}

static int take_list(struct references *references, uint32_t owner, const struct object_copy *list)
{
	uint64_t items = object_copy__word(list, LIST_ITEMS);
	int err = visit(references, owner, REFERS_TO_BUFFER, items, 0, 0);

	return err ? err
		   : reference_queue__add(references->queue,
					  &(struct request){.kind = REQUEST_ITEMS,
							    .owner = owner,
							    .address = items,
							    .cnt = object_copy__word(list, OB_SIZE),
							    .words = 1});
}

static int take_tuple(struct references *references, uint32_t owner,
		      const struct object_copy *tuple, uint32_t items_at)
{
	uint64_t cnt = object_copy__word(tuple, OB_SIZE), i;
	int err = 0;

	for (i = 0; i < cnt && part_is_within(items_at + i * 8, 8, tuple->size) && !err; i++)
		err = visit(references, owner, REFERS_BY_INDEX,
			    object_copy__word(tuple, (int64_t)(items_at + i * 8)), i, 0);
	if (err || i == cnt)
		return err;
	return reference_queue__add(references->queue,
				    &(struct request){.kind = REQUEST_ITEMS,
						      .owner = owner,
						      .address = tuple->address + items_at + i * 8,
						      .cnt = cnt - i,
						      .words = 1,
						      .index = (uint32_t)i});
}

static int take_dict(struct references *references, uint32_t owner, const struct object_copy *dict)
{
	enum dict_layout layout = references->census->dicts;
	struct request wanted = {.kind = REQUEST_KEYS, .owner = owner, .cnt = 1};
	const uint8_t *header = object_copy__part(dict, 0, DICT_HEADER_BYTES);
	struct dict_keys table;
	int err;

	if (!header)
		return 0;
	if (layout != DICT_OF_TABLE) {
		dict_header__decode(header, layout, &wanted.address, &wanted.values);
		err = visit(references, owner, REFERS_TO_BUFFER, wanted.address, 0, 0);
		if (!err)
			err = visit(references, owner, REFERS_TO_BUFFER, wanted.values, 0, 0);
		return err ? err : reference_queue__add(references->queue, &wanted);
	}
	if (dict_keys__of_table(&table, header))
		return 0;
	wanted.kind = REQUEST_ENTRIES;
	wanted.address = table.entries;
	wanted.cnt = table.cnt;
	wanted.words = table.words;
	err = visit(references, owner, REFERS_TO_BUFFER, wanted.address, 0, 0);
	return err ? err : reference_queue__add(references->queue, &wanted);
}

static int take_set(struct references *references, uint32_t owner, const struct object_copy *set)
{
	uint64_t table = object_copy__word(set, SET_TABLE), mask = object_copy__word(set, SET_MASK);
	int err = 0;

	if (mask & (mask + 1))
		return 0;
	/* The table of a small set is in the set itself. */
	if (table - set->address >= set->size)
		err = visit(references, owner, REFERS_TO_BUFFER, table, 0, 0);
	return err ? err
		   : reference_queue__add(references->queue, &(struct request){.kind = REQUEST_SET,
									       .owner = owner,
									       .address = table,
									       .cnt = mask + 1,
									       .words = 2});
}

static int take_deque(struct references *references, uint32_t owner,
		      const struct object_copy *deque)
{
	bool old = references->census->major < 3;
	const struct request first = {
		.kind = REQUEST_DEQUE,
		.owner = owner,
		.address = object_copy__word(deque, old ? DEQUE_27_LEFT_BLOCK : DEQUE_LEFT_BLOCK),
		.cnt = object_copy__word(deque, old ? DEQUE_27_LENGTH : OB_SIZE),
		.first = object_copy__word(deque, old ? DEQUE_27_LEFT_INDEX : DEQUE_LEFT_INDEX),
	};
	int err = visit(references, owner, REFERS_TO_BUFFER, first.address, 0, 0);

	return err ? err : reference_queue__add(references->queue, &first);
}

/*
 * Reads the names of the attributes that instances of a type store as values only, from the keys
 * that they share.
 */
static int load_names(struct references *references, uint32_t number, struct type_layout *layout)
{
	const struct census *census = references->census;
	_cleanup_account_free_ struct dict_entry *entries = NULL;
	uint8_t header[KEYS_HEADER_BYTES];
	struct dict_keys keys;
	uint64_t at;
	int err;

	layout->has_names = true;
	if (!census->shared_keys_offset)
		return 0;
	err = memory__read(census->memory,
			   type_table__at(census->types, number)->address +
				   census->shared_keys_offset,
			   &at, sizeof(at));
	if (!err)
		err = memory__read(census->memory, at, header, sizeof(header));
	if (err)
		return err == -EFAULT ? 0 : err;
	if (dict_keys__decode(&keys, references->census->dicts, at, header) ||
	    keys.cnt > SHARED_NAMES_MAX || keys.words != 2)
		return 0;
	layout->names =
		account__calloc(census->heap->account, keys.cnt + 1, sizeof(*layout->names));
	if (layout->names)
		entries = account__calloc(census->heap->account, keys.cnt + 1, sizeof(*entries));
	if (!entries)
		return -errno;
	err = keys.cnt ? memory__read(census->memory, keys.entries, entries,
				      keys.cnt * sizeof(*entries))
		       : 0;
	if (err)
		return err == -EFAULT ? 0 : err;
	for (size_t i = 0; i < keys.cnt; i++)
		layout->names[i] = entries[i].key;
	layout->name_cnt = keys.cnt;
	return 0;
}

/* Values that are stored apart from the object: 3.11 and 3.12. */
static int take_values(struct references *references, uint32_t owner,
		       const struct type_layout *layout, uint64_t values)
{
	int err = visit(references, owner, REFERS_TO_BUFFER, values, 0, 0);

	return err ? err
		   : reference_queue__add(references->queue,
					  &(struct request){.kind = REQUEST_VALUES,
							    .owner = owner,
							    .address = values,
							    .cnt = layout->name_cnt,
							    .names = layout->names,
							    .words = 1});
}

/* Values that follow the object: 3.13 and later. */
static int take_inline_values(struct references *references, uint32_t owner,
			      const struct object_copy *object, const struct type *type,
			      const struct type_layout *layout)
{
	int64_t at = (int64_t)type->basic_size,
		first = (int64_t)dict_values__first(references->census->dicts, type->basic_size);
	const uint8_t *valid = object_copy__part(object, at + INLINE_VALUES_VALID, 1);
	int err = 0;

	if (!valid || !*valid)
		return 0;
	for (size_t i = 0; i < layout->name_cnt && !err; i++)
		err = visit(references, owner, REFERS_BY_ATTRIBUTE,
			    object_copy__word(object, first + (int64_t)i * 8), i, layout->names[i]);
	return err;
}

/* The attributes of an instance with a managed dict: in a dict, as values only, or both. */
static int take_managed(struct references *references, uint32_t owner,
			const struct object_copy *object, const struct type *type,
			struct type_layout *layout)
{
	const struct census *census = references->census;
	uint64_t word, values = 0;
	int err = 0;

	if (object->before < OBJECT_BEFORE_BYTES)
		return 0;
	if (!layout->has_names)
		err = load_names(references, object->type, layout);
	if (err)
		return err;
	word = object_copy__word(object, MANAGED_DICT);
	if (census->minor == 11) {
		values = object_copy__word(object, VALUES_OF_311);
	} else if (word & VALUES_TAG) {
		values = word + 1;
		word = 0;
	}
	err = visit(references, owner, REFERS_AS_DICT, word, 0, 0);
	if (!err && values)
		err = take_values(references, owner, layout, values);
	if (!err && type->flags & TYPE_INLINE_VALUES && census->dicts == DICT_OF_SIZED_VALUES)
		err = take_inline_values(references, owner, object, type, layout);
	return err;
}

static int take_own_dict(struct references *references, uint32_t owner,
			 const struct object_copy *object, const struct type *type)
{
	int64_t at = object_layout__dict_at(&references->census->layout, type, object);

	if (at <= 0)
		return 0;
	return visit(references, owner, REFERS_AS_DICT, object_copy__word(object, at), 0, 0);
}

static int scan_words(struct references *references, uint32_t owner, const struct type *type,
		      const struct object_copy *object, uint64_t from, uint64_t to)
{
	uint64_t end = to < object->size ? to : object->size;
	int err = 0;

	for (uint64_t at = from; part_is_within(at, 8, end) && !err; at += 8) {
		uint64_t word = object_copy__word(object, (int64_t)at);

		if (could_be_object(word) && (int64_t)at != type->weak_offset &&
		    (int64_t)at != type->dict_offset)
			err = visit(references, owner, REFERS_BY_WORD, word, at, 0);
	}
	return err;
}

/* A static type is a PyTypeObject, while one created at run time is a PyHeapTypeObject. */
static bool is_static_type(const struct type *type, const struct object_copy *object)
{
	return type->flags & TYPE_TYPE_SUBCLASS && object->size >= TYPE_FLAGS_OFFSET + 8 &&
	       !(object_copy__word(object, TYPE_FLAGS_OFFSET) & TYPE_HEAPTYPE);
}

/* Where the references end in an object of which nothing but its type is known. */
static uint64_t end_of(const struct census *census, const struct type *type,
		       const struct object_copy *object)
{
	uint64_t items;

	if (is_static_type(type, object))
		return STATIC_TYPE_BYTES;
	/* What follows are the interpreter's caches and the instructions, not references. */
	if (!strcmp(type->name, "code") && census->offsets.code_size != PY_NO_OFFSET)
		return census->offsets.code_line_table + sizeof(uint64_t);
	if (!type->item_size)
		return type->basic_size;
	if (!object_layout__has_item_count(&census->layout, type) ||
	    object->size < type->basic_size || object->size < OB_SIZE + 8)
		return object->size;
	items = object_copy__word(object, OB_SIZE);
	if (items > (object->size - type->basic_size) / type->item_size)
		return object->size;
	return type->basic_size + items * type->item_size;
}

/*
 * A frame object: its caller, code and namespaces, its trace function (and, up to 3.6, the
 * exception it handles), its local variables. Its evaluation stack is left out: while a frame runs,
 * only the interpreter knows how high the stack is, not the frame.
 */
static int take_frame(struct references *references, uint32_t owner,
		      const struct object_copy *frame, const struct type *type)
{
	const struct census *census = references->census;
	uint64_t values = object_copy__word(frame, FRAME_VALUE_STACK) - frame->address,
		 locals = type->basic_size - 8, trace = FRAME_TRACE, trace_end;
	int err = scan_words(references, owner, type, frame, FRAME_BACK, FRAME_VALUE_STACK);

	if (census->major == 3 && census->minor == 10)
		trace = FRAME_TRACE_310;
	trace_end = census->major < 3 || census->minor == 6 ? FRAME_EXCEPTION_END : trace + 8;
	if (!err)
		err = scan_words(references, owner, type, frame, trace, trace_end);
	if (!err && values > locals)
		err = scan_words(references, owner, type, frame, locals, values);
	return err;
}

static int take_base(struct references *references, uint32_t owner,
		     const struct object_copy *object, const struct type *type,
		     const struct type_layout *layout)
{
	switch (layout->layout) {
	case LAYOUT_TUPLE:
		return take_tuple(references, owner, object, layout->base_bytes);
	case LAYOUT_LIST:
		return take_list(references, owner, object);
	case LAYOUT_DICT:
		return take_dict(references, owner, object);
	case LAYOUT_SET:
		return take_set(references, owner, object);
	case LAYOUT_DEQUE:
		return take_deque(references, owner, object);
	case LAYOUT_WEAK:
		/*
		 * The callback. The referent precedes it; other weak references to the referent
		 * follow it.
		 */
		return scan_words(references, owner, type, object, PYOBJECT_BYTES + 8,
				  PYOBJECT_BYTES + 16);
	case LAYOUT_FRAME:
		return take_frame(references, owner, object, type);
	case LAYOUT_PLAIN:
		return references->census->major < 3 && type->flags & TYPE_UNICODE_SUBCLASS
			       ? take_characters(references, owner, object)
			       : 0;
	case LAYOUT_SCANNED:
		return scan_words(references, owner, type, object, PYOBJECT_BYTES,
				  end_of(references->census, type, object));
	default:
		return 0;
	}
}

int references__of(struct references *references, uint32_t owner, const struct object_copy *object)
{
	const struct census *census = references->census;
	const struct type *type = type_table__at(census->types, object->type);
	struct type_layout *layout;
	int err = layout_of(references, object->type, &layout);

	if (err || object->size < layout->base_bytes)
		return err;
	err = take_base(references, owner, object, type, layout);
	/* What subclasses add. They cannot add anything to a type with items, such as tuple. */
	if (!err && layout->layout != LAYOUT_SCANNED && !type->item_size)
		err = scan_words(references, owner, type, object, layout->base_bytes,
				 type->basic_size);
	if (!err && object_layout__has_managed_dict(&census->layout, type->flags))
		err = take_managed(references, owner, object, type, layout);
	else if (!err && type->dict_offset)
		err = take_own_dict(references, owner, object, type);
	if (!err && type->flags & TYPE_HEAPTYPE)
		err = visit(references, owner, REFERS_AS_TYPE, type->address, 0, 0);
	return err;
}

int references__scan(struct references *references, uint32_t owner, const uint8_t *bytes,
		     size_t size)
{
	int err = 0;

	for (size_t at = 0; at + 8 <= size && !err; at += 8) {
		uint64_t word = word_at(bytes + at);

		if (could_be_object(word))
			err = visit(references, owner, REFERS_BY_WORD, word, at, 0);
	}
	return err;
}

int references__flush(struct references *references)
{
	return reference_queue__flush(references->queue);
}
