// SPDX-License-Identifier: BSD-2-Clause
#include "target/full_collections.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/cleanup.h"

#define GENERATION_CNT 3
/*
 * How far the collector's state may be from the start of the structure that contains it (3.7 to
 * 3.12: up to 0x350).
 */
#define STATE_WINDOW_BYTES 1024

/* struct gc_generation_stats (until 3.14) */
struct generation_stats {
	int64_t collections, collected, uncollectable;
};

/* struct gc_generation {PyGC_Head head; int threshold; int count;}, for each form of PyGC_Head */
struct generation_layout {
	uint64_t size, alignment;
};

static const struct generation_layout two_words = {24, 8};    /* from 3.8 on */
static const struct generation_layout three_words = {32, 8};  /* 3.7 before bpo-27987 */
static const struct generation_layout long_double = {48, 16}; /* 3.7 since then */

static uint64_t align(uint64_t offset, uint64_t alignment)
{
	return (offset + alignment - 1) / alignment * alignment;
}

/*
 * The offset of the counter in the structure at @address, whose first bytes are @words;
 * PY_NO_OFFSET if none of these is a pointer like generation0.
 */
static uint16_t find_counter(const uint64_t *words, size_t cnt, uint64_t address,
			     const struct generation_layout *layout)
{
	const uint64_t generations_bytes = GENERATION_CNT * layout->size;

	for (size_t i = generations_bytes / sizeof(words[0]); i < cnt; i++) {
		uint64_t at = i * sizeof(words[0]), generations = at - generations_bytes;

		if (words[i] != address + generations || generations % layout->alignment)
			continue;
		return (uint16_t)(align(at + sizeof(words[0]), layout->alignment) + layout->size +
				  (GENERATION_CNT - 1) * sizeof(struct generation_stats));
	}
	return PY_NO_OFFSET;
}

/*
 * As find_counter(), on memory as far as it is readable: the window may extend beyond the
 * structure.
 */
static int locate_in(uint64_t address, const struct memory *memory,
		     const struct generation_layout *layout, uint16_t *offset)
{
	uint64_t words[STATE_WINDOW_BYTES / sizeof(uint64_t)];
	size_t size = sizeof(words);
	int err;

	do
		err = memory__read(memory, address, words, size);
	while (err == -EFAULT && (size /= 2) >= sizeof(words[0]));
	if (err)
		return err == -EFAULT ? 0 : err;
	*offset = find_counter(words, size / sizeof(words[0]), address, layout);
	return 0;
}

static int first_interpreter(const struct runtime *runtime, const struct memory *memory,
			     uint64_t *interpreter)
{
	int err =
		memory__read(memory, runtime->interpreters_head, interpreter, sizeof(*interpreter));

	if (err == -EFAULT)
		*interpreter = 0;
	return err == -EFAULT ? 0 : err;
}

static int locate_in_runtime(struct runtime *runtime, bool two_word_heads,
			     const struct memory *memory)
{
	uint16_t *offset = &runtime->offsets.full_collections_in_runtime;
	int err;

	if (two_word_heads)
		return locate_in(runtime->address, memory, &two_words, offset);
	err = locate_in(runtime->address, memory, &long_double, offset);
	if (err || *offset != PY_NO_OFFSET)
		return err;
	return locate_in(runtime->address, memory, &three_words, offset);
}

int full_collections__locate(struct runtime *runtime, const struct python *python,
			     const struct memory *memory)
{
	uint64_t stats, interpreter;
	int err;

	if (python->major != 3 || python->minor >= 13)
		return 0;
	if (python->minor == 6) {
		stats = python__find_symbol(python, "generation_stats");
		if (stats)
			runtime->full_collections =
				stats + (GENERATION_CNT - 1) * sizeof(struct generation_stats);
		return 0;
	}
	if (python->minor < 9)
		return locate_in_runtime(runtime, python->minor == 8, memory);
	err = first_interpreter(runtime, memory, &interpreter);
	if (err || !interpreter)
		return err;
	return locate_in(interpreter, memory, &two_words,
			 &runtime->offsets.full_collections_in_interpreter);
}

/* The highest number in one interpreter's records of full collections (3.15). */
static int read_records(const struct py_offsets *offsets, const struct memory *memory,
			uint64_t interpreter, uint64_t *out)
{
	uint64_t stats, collections, greatest = 0;
	int err;

	err = memory__read(memory, interpreter + offsets->interpreter_gc_stats, &stats,
			   sizeof(stats));
	for (size_t i = 0; !err && i < offsets->gc_stats_record_cnt; i++) {
		err = memory__read(memory,
				   stats + offsets->gc_stats_full_collections +
					   i * offsets->gc_stats_record_size,
				   &collections, sizeof(collections));
		if (!err && collections > greatest)
			greatest = collections;
	}
	if (!err)
		*out = greatest;
	return err;
}

static int read_interpreter(const struct py_offsets *offsets, const struct memory *memory,
			    uint64_t interpreter, uint64_t *out)
{
	if (offsets->interpreter_gc_stats != PY_NO_OFFSET)
		return read_records(offsets, memory, interpreter, out);
	return memory__read(memory, interpreter + offsets->full_collections_in_interpreter, out,
			    sizeof(*out));
}

static int read_interpreters(uint64_t *out, const struct runtime *runtime,
			     const struct memory *memory)
{
	_cleanup_account_free_ uint64_t *interpreters = NULL;
	uint64_t sum = 0, collections;
	size_t cnt;
	int err;

	err = runtime__interpreters(runtime, memory, &interpreters, &cnt);
	for (size_t i = 0; !err && i < cnt; i++) {
		err = read_interpreter(&runtime->offsets, memory, interpreters[i], &collections);
		if (!err)
			sum += collections;
	}
	if (!err)
		*out = sum;
	return err;
}

int full_collections__read(uint64_t *out, const struct runtime *runtime,
			   const struct memory *memory)
{
	const struct py_offsets *offsets = &runtime->offsets;

	if (runtime->full_collections)
		return memory__read(memory, runtime->full_collections, out, sizeof(*out));
	if (offsets->full_collections_in_runtime != PY_NO_OFFSET)
		return memory__read(memory, runtime->address + offsets->full_collections_in_runtime,
				    out, sizeof(*out));
	if (offsets->full_collections_in_interpreter != PY_NO_OFFSET ||
	    offsets->interpreter_gc_stats != PY_NO_OFFSET)
		return read_interpreters(out, runtime, memory);
	return -ENODATA;
}

void collection_count__begin(struct collection_count *count, const struct runtime *runtime,
			     const struct memory *memory, bool from_start)
{
	uint64_t before;

	*count = (struct collection_count){.memory = memory};
	if (!runtime)
		return;
	count->runtime = *runtime;
	count->is_known = !full_collections__read(&before, runtime, memory);
	if (count->is_known && !from_start)
		count->last = before;
}

void collection_count__update(struct collection_count *count)
{
	uint64_t now;

	if (!count->is_known || full_collections__read(&now, &count->runtime, count->memory))
		return;
	/* The sum falls when an interpreter ends. */
	if (now > count->last)
		count->cnt += now - count->last;
	count->last = now;
}
