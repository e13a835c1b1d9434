// SPDX-License-Identifier: BSD-2-Clause
#include "census/roots.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "census/frames.h"
#include "census/free_slots.h"
#include "target/executable_files.h"
#include "target/module_data.h"
#include "target/py_string.h"
#include "util/address_set.h"
#include "util/checked.h"
#include "util/cleanup.h"
#include "util/word.h"

/* Of all interpreters and threads together. */
#define THREADS_MAX 65536
#define FRAMES_MAX  (1 << 20)
/* When labels take this much, no further frames and modules are read. */
#define LABEL_BYTES_MAX (64UL << 20)
#define THREAD_BYTES	256
#define FRAME_BYTES_MAX 1024
#define STACK_WORDS	64	      /* words read of a frame's evaluation stack */
#define DATA_BYTES_MAX	(512UL << 20) /* of all modules together */
#define READ_BYTES	(256UL << 10)

const char *const root_kind_names[ROOT_KIND_CNT] = {
	[ROOT_MODULE] = "module",	    [ROOT_LOCAL] = "local", [ROOT_FRAME] = "frame",
	[ROOT_INTERPRETER] = "interpreter", [ROOT_DATA] = "data",
};

struct search {
	struct roots *roots;
	const struct graph *graph;
	const struct census *census;
	const struct memory *memory;
	const struct root_sources *sources;
	uint64_t *words; /* READ_BYTES bytes */
	struct free_slots free_slots;
	struct address_set seen; /* frames and threads visited */
	size_t frame_cnt, thread_cnt, label_bytes;
	uint64_t dict_room; /* entries of dicts that may still be read */
	uint64_t data_room; /* bytes of static data that may still be read */
};

void roots__release(struct roots *roots)
{
	for (size_t i = 0; i < roots->label_cnt; i++)
		account__free(roots->labels[i]);
	account__free(roots->labels);
	account__free(roots->roots);
	*roots = (struct roots){};
}

/* Frees @text, which is NULL if it could not be allocated. */
static int add_label(struct search *search, char *text, uint32_t *label)
{
	_cleanup_free_ char *owned = text;
	struct account *account = search->memory->account;
	struct roots *roots = search->roots;
	char *kept;
	int err;

	if (!owned)
		return -ENOMEM;
	err = ACCOUNT_RESERVE(account, roots->labels, roots->label_capacity, roots->label_cnt + 1);
	if (err)
		return err;
	kept = account__strdup(account, owned);
	if (!kept)
		return -errno;
	*label = (uint32_t)roots->label_cnt;
	search->label_bytes += strlen(kept) + 1;
	roots->labels[roots->label_cnt++] = kept;
	return 0;
}

/* The node of the object at @address; NODE_NONE if there is none. */
static uint32_t find_object(const struct search *search, uint64_t address)
{
	uint32_t node;

	if (address % 8 || !address)
		return NODE_NONE;
	node = graph__find(search->graph, address, false);
	return node == NODE_NONE || graph__type(search->graph, node) == TYPE_NONE ? NODE_NONE
										  : node;
}

static int add_node(struct search *search, enum root_kind kind, uint32_t node, uint32_t label)
{
	struct roots *roots = search->roots;
	int err = ACCOUNT_RESERVE(search->memory->account, roots->roots, roots->capacity,
				  roots->cnt + 1);

	if (err)
		return err;
	roots->roots[roots->cnt++] = (struct root){.node = node, .kind = kind, .label = label};
	return 0;
}

static int add_root(struct search *search, enum root_kind kind, uint64_t address, uint32_t label)
{
	uint32_t node = find_object(search, address);

	return node == NODE_NONE ? 0 : add_node(search, kind, node, label);
}

/* Adds @word, which was read from @address, if it refers to an object. */
static int add_word(struct search *search, enum root_kind kind, uint64_t address, uint64_t word,
		    uint32_t label)
{
	uint32_t node = find_object(search, word);

	if (node == NODE_NONE || free_slots__has(&search->free_slots, address))
		return 0;
	return add_node(search, kind, node, label);
}

/*
 * Adds every word of [address, address + size), in parts of READ_BYTES. Stops at the first part
 * that cannot be read in full.
 */
static int add_words(struct search *search, enum root_kind kind, uint64_t address, uint64_t size,
		     uint32_t label)
{
	int err = 0;

	for (uint64_t at = 0; at < size && !err; at += READ_BYTES) {
		uint64_t part = size - at < READ_BYTES ? size - at : READ_BYTES;

		err = memory__read(search->memory, address + at, search->words, part);
		for (uint64_t i = 0; i < part / 8 && !err; i++)
			err = add_word(search, kind, address + at + i * 8, search->words[i], label);
	}
	return err == -EFAULT ? 0 : err;
}

/*
 * At most the size of PyInterpreterState, from the debug information of the versions in
 * user/target/offsets.h.
 */
static uint64_t interpreter_bytes(const struct census *census)
{
	static const uint32_t bytes[] = {[6] = 120,	[7] = 2568,    [8] = 2720,   [9] = 5656,
					 [10] = 113528, [11] = 107752, [12] = 383552};

	if (census->major < 3)
		return 80;
	return (size_t)census->minor < ARRAY_SIZE(bytes) ? bytes[census->minor] : 128UL << 10;
}

static bool is_text(const struct search *search, uint64_t address, const char *text)
{
	_cleanup_free_ char *name = NULL;

	return !py_string__read(&name, search->memory, &search->census->offsets, address) &&
	       !strcmp(name, text);
}

/* Whether the dict at @address is sys.modules. If so, reads its entries, which the caller frees. */
static bool is_modules(struct search *search, uint64_t address, struct dict_entry **entries,
		       size_t *cnt)
{
	_cleanup_account_free_ struct dict_entry *found = NULL;
	bool has_sys = false, has_builtins = false;
	size_t found_cnt;

	int err = dict__read(&found, &found_cnt, search->memory, search->census->dicts, address,
			     &search->dict_room);

	search->roots->refused_cnt += err == -E2BIG;
	if (err)
		return false;
	for (size_t i = 0; i < found_cnt && !(has_sys && has_builtins); i++) {
		uint32_t node = graph__find(search->graph, found[i].value, false), type;

		if (node == NODE_NONE)
			return false;
		type = graph__type(search->graph, node);
		if (type == TYPE_NONE ||
		    strcmp(type_table__at(search->census->types, type)->name, "module") != 0)
			continue;
		has_sys |= is_text(search, found[i].key, "sys");
		has_builtins |= is_text(search, found[i].key, "builtins") ||
				is_text(search, found[i].key, "__builtin__");
	}
	if (!has_sys || !has_builtins)
		return false;
	*entries = TAKE_PTR(found);
	*cnt = found_cnt;
	return true;
}

static bool is_dict(const struct search *search, uint64_t address)
{
	uint32_t type = address % 8 ? TYPE_NONE : graph__type_at(search->graph, address);

	return type != TYPE_NONE && type == search->census->dict_type;
}

/* Finds sys.modules of an interpreter. *cnt is 0 if it is not found. */
static int find_modules(struct search *search, uint64_t interpreter, struct dict_entry **entries,
			size_t *cnt)
{
	uint64_t size = interpreter_bytes(search->census);

	*cnt = 0;
	for (uint64_t at = 0; at < size; at += READ_BYTES) {
		uint64_t part = size - at < READ_BYTES ? size - at : READ_BYTES;
		int err = memory__read(search->memory, interpreter + at, search->words, part);

		if (err)
			return memory__is_missing(err) ? 0 : err;
		for (uint64_t i = 0; i < part / 8; i++)
			if (is_dict(search, search->words[i]) &&
			    is_modules(search, search->words[i], entries, cnt))
				return 0;
	}
	return 0;
}

static int add_module(struct search *search, const struct dict_entry *entry, unsigned int number)
{
	char *name = NULL, *text = NULL;
	uint32_t label;
	int err;

	if (find_object(search, entry->value) == NODE_NONE)
		return 0;
	if (search->label_bytes > LABEL_BYTES_MAX) {
		search->roots->refused_cnt++;
		return 0;
	}
	err = py_string__read(&name, search->memory, &search->census->offsets, entry->key);

	if (err)
		return memory__is_missing(err) ? 0 : err;
	if (number && asprintf(&text, "interpreter %u: %s", number, name) < 0)
		text = NULL;
	if (number)
		free(name);
	err = add_label(search, number ? text : name, &label);
	return err ? err : add_root(search, ROOT_MODULE, entry->value, label);
}

static int add_modules(struct search *search, uint64_t interpreter, unsigned int number)
{
	_cleanup_account_free_ struct dict_entry *entries = NULL;
	size_t cnt;
	int err = find_modules(search, interpreter, &entries, &cnt);

	for (size_t i = 0; i < cnt && !err; i++)
		err = add_module(search, &entries[i], number);
	return err;
}

static uint32_t locals_offset(const struct search *search, uint64_t frame)
{
	const struct py_offsets *offsets = &search->census->offsets;
	uint64_t type;
	uint32_t number;

	if (offsets->frame_owner != PY_NO_OFFSET)
		return frames__locals_offset(search->census);
	if (memory__read(search->memory, frame + offsets->object_type, &type, sizeof(type)))
		return 0;
	number = type_table__find(search->census->types, type);
	return number < TYPE_UNSEEN
		       ? (uint32_t)type_table__at(search->census->types, number)->basic_size - 8
		       : 0;
}

static char *read_text(const struct search *search, uint64_t at)
{
	uint64_t address;
	char *text = NULL;

	if (memory__read(search->memory, at, &address, sizeof(address)) ||
	    py_string__read(&text, search->memory, &search->census->offsets, address))
		return strdup("?");
	return text;
}

static int add_local(struct search *search, uint64_t value, uint64_t name_at, const char *frame)
{
	_cleanup_free_ char *name = NULL;
	uint32_t label;
	char *text;
	int err;

	if (find_object(search, value) == NODE_NONE)
		return 0;
	err = py_string__read(&name, search->memory, &search->census->offsets, name_at);
	if (err)
		return memory__is_missing(err) ? 0 : err;
	if (asprintf(&text, "%s: %s", frame, name) < 0)
		text = NULL;
	err = add_label(search, text, &label);
	return err ? err : add_root(search, ROOT_LOCAL, value, label);
}

/* Adds the local variables of a frame of @code, and what else the frame refers to. */
static int add_frame(struct search *search, uint64_t frame, uint64_t code, unsigned int thread)
{
	const struct py_offsets *offsets = &search->census->offsets;
	uint64_t tags = offsets->frame_code_tags;
	uint16_t name_offset = offsets->code_qualname == PY_NO_OFFSET ? offsets->code_name
								      : offsets->code_qualname;
	uint32_t locals_at = locals_offset(search, frame), label;
	_cleanup_free_ uint64_t *names = calloc(LOCAL_NAMES_MAX, sizeof(*names)),
				*values = calloc(LOCAL_NAMES_MAX + STACK_WORDS, sizeof(*values));
	_cleanup_free_ char *function = NULL;
	size_t cnt, stack = STACK_WORDS;
	char *text;
	int err;

	if (!names || !values)
		return -ENOMEM;
	if (!locals_at || locals_at > FRAME_BYTES_MAX)
		return 0;
	function = read_text(search, code + name_offset);
	if (!function || asprintf(&text, "%s() in thread %u", function, thread) < 0)
		return -ENOMEM;
	err = add_label(search, text, &label);
	if (!err)
		err = frames__read_names(search->graph, code, names, &cnt);
	if (err)
		return err;
	err = memory__read(search->memory, frame + locals_at, values, (cnt + stack) * 8);
	if (err == -EFAULT) {
		stack = 0;
		err = cnt ? memory__read(search->memory, frame + locals_at, values, cnt * 8) : 0;
	}
	if (err)
		return memory__is_missing(err) ? 0 : err;
	for (size_t i = 0; i < cnt && !err; i++)
		err = add_local(search, values[i] & ~tags, names[i], search->roots->labels[label]);
	for (size_t i = cnt; i < cnt + stack && !err; i++)
		err = add_root(search, ROOT_FRAME, values[i] & ~tags, label);
	return err ? err : add_words(search, ROOT_FRAME, frame, locals_at, label);
}

static uint64_t read_word(const struct search *search, uint64_t address)
{
	uint64_t word;

	return memory__read(search->memory, address, &word, sizeof(word)) ? 0 : word;
}

/*
 * Whether to follow a list in the target to @address: not if @address was visited before, and not
 * beyond @max of its kind. Returns 1 to follow it, 0, -ENOMEM or -EDQUOT.
 */
static int step_to(struct search *search, uint64_t address, size_t *cnt, size_t max)
{
	int is_new;

	if (!address)
		return 0;
	is_new = *cnt < max && search->label_bytes <= LABEL_BYTES_MAX
			 ? address_set__add(&search->seen, address)
			 : 0;
	*cnt += is_new == 1;
	search->roots->refused_cnt += !is_new;
	return is_new;
}

/*
 * Adds a frame if it belongs to Python code. Returns 0, -EFAULT if it cannot be read, or another
 * error.
 */
static int look_at_frame(struct search *search, uint64_t frame, unsigned int number)
{
	const struct py_offsets *offsets = &search->census->offsets;
	uint64_t code = read_word(search, frame + offsets->frame_code) &
			~(uint64_t)offsets->frame_code_tags;
	uint8_t owner = 0;
	int err = 0;

	if (offsets->frame_owner != PY_NO_OFFSET)
		err = memory__read(search->memory, frame + offsets->frame_owner, &owner, 1);
	if (err || owner >= offsets->frame_owner_native)
		return err;
	return add_frame(search, frame, code, number);
}

/* Adds the frames of a thread, beginning with the innermost. */
static int add_frames(struct search *search, uint64_t thread, unsigned int number)
{
	const struct py_offsets *offsets = &search->census->offsets;
	uint64_t frame = read_word(search, thread + offsets->thread_frame);
	int err;

	if (offsets->cframe_current_frame != PY_NO_OFFSET && frame)
		frame = read_word(search, frame + offsets->cframe_current_frame);
	while ((err = step_to(search, frame, &search->frame_cnt, FRAMES_MAX)) > 0) {
		err = look_at_frame(search, frame, number);
		if (err)
			break;
		frame = read_word(search, frame + offsets->frame_previous);
	}
	return err == -EFAULT ? 0 : err;
}

static int add_thread(struct search *search, uint64_t thread, unsigned int number)
{
	uint32_t label;
	char *text;
	int err;

	if (asprintf(&text, "thread %u", number) < 0)
		return -ENOMEM;
	err = add_label(search, text, &label);
	if (!err)
		err = add_frames(search, thread, number);
	return err ? err : add_words(search, ROOT_INTERPRETER, thread, THREAD_BYTES, label);
}

static int add_threads(struct search *search, uint64_t interpreter)
{
	const struct py_offsets *offsets = &search->census->offsets;
	uint64_t thread = read_word(search, interpreter + offsets->interpreter_threads_head);
	int err;

	while ((err = step_to(search, thread, &search->thread_cnt, THREADS_MAX)) > 0) {
		err = add_thread(search, thread, (unsigned int)search->thread_cnt);
		if (err)
			break;
		thread = read_word(search, thread + offsets->thread_next);
	}
	return err;
}

static int add_interpreter(struct search *search, uint64_t interpreter, unsigned int number)
{
	uint32_t label;
	char *text;
	int err = add_modules(search, interpreter, number);

	if (!err)
		err = add_threads(search, interpreter);
	if (err)
		return err;
	if (asprintf(&text, "interpreter %u", number) < 0)
		return -ENOMEM;
	err = add_label(search, text, &label);
	return err ? err
		   : add_words(search, ROOT_INTERPRETER, interpreter,
			       interpreter_bytes(search->census), label);
}

/* The list begins with the newest interpreter and ends with the main one, which is number 0. */
static int add_interpreters(struct search *search)
{
	_cleanup_account_free_ uint64_t *interpreters = NULL;
	size_t cnt;
	int err;

	err = runtime__interpreters(search->sources->runtime, search->memory, &interpreters, &cnt);
	for (size_t i = 0; i < cnt && !err; i++)
		err = add_interpreter(search, interpreters[cnt - 1 - i], (unsigned int)i);
	return err;
}

struct data_search {
	struct search *search;
	uint32_t label;
};

static int add_data_words(const struct data_piece *piece, void *context)
{
	const struct data_search *data = context;
	int err = 0;

	for (size_t at = -piece->address & 7; at < piece->size && at + 8 <= piece->extent && !err;
	     at += 8)
		err = add_word(data->search, ROOT_DATA, piece->address + at,
			       word_at(piece->bytes + at), data->label);
	return err;
}

/* Adds every word of a module's writable data. Skips a file that is not a module. */
static int add_module_data(struct search *search, const struct mapping *mapping)
{
	_cleanup_(data_image__free) struct data_image data = {};
	_cleanup_(module__freep) struct module *module = NULL;
	struct data_search data_search = {.search = search};
	int err = module__open(&module, search->sources->target, mapping);

	if (!err)
		err = module__read_data(module, search->memory, &data);
	if (err == -EFBIG)
		search->roots->refused_cnt++;
	if (err)
		return account__is_short(err) || err == -ESRCH || err == -ETIME ? err : 0;
	if (!checked_sub(search->data_room, data_image__bytes(&data), &search->data_room)) {
		search->roots->refused_cnt++;
		return 0;
	}
	err = add_label(search, strdup(mapping->path), &data_search.label);
	return err ? err : data_image__visit(&data, search->memory, add_data_words, &data_search);
}

/* Adds the static data of the program and of each of its libraries, once each. */
static int add_data(struct search *search)
{
	const struct target *target = search->sources->target;
	_cleanup_(executable_files__release) struct executable_files files = {};
	size_t i = 0;
	int err = executable_files__find(&files, target->maps, target->map_cnt);

	for (; i < files.cnt && i < EXECUTABLE_FILES_MAX && !err; i++)
		err = add_module_data(search, files.items[i]);
	search->roots->refused_cnt += files.cnt - i;
	return err;
}

static int compare_roots(const void *left, const void *right)
{
	const struct root *a = left, *b = right;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return (a->label > b->label) - (a->label < b->label);
}

int roots__find(struct roots *out, const struct graph *graph, const struct root_sources *sources)
{
	_cleanup_(roots__release) struct roots roots = {};
	_cleanup_free_ uint64_t *words = malloc(READ_BYTES);
	struct search search = {
		.roots = &roots,
		.graph = graph,
		.census = graph->census,
		.memory = graph->census->memory,
		.sources = sources,
		.words = words,
		.seen.ids.map.account = graph->census->memory->account,
		.dict_room = DICT_ENTRIES_MAX,
		.data_room = DATA_BYTES_MAX,
	};
	int err;

	if (!words)
		return -ENOMEM;
	err = free_slots__find(&search.free_slots, search.census, sources->runtime);
	if (!err)
		err = add_interpreters(&search);
	if (!err)
		err = add_data(&search);
	free_slots__release(&search.free_slots);
	address_set__release(&search.seen);
	if (err)
		return err;
	err = account__sort(search.memory->account, roots.roots, roots.cnt, sizeof(*roots.roots),
			    compare_roots);
	if (err)
		return err;
	*out = roots;
	roots = (struct roots){};
	return 0;
}
