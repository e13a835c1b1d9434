// SPDX-License-Identifier: BSD-2-Clause
#include "target/frame_stacks.h"

#include <errno.h>

#include "util/address_set.h"
#include "util/cleanup.h"

/* Of all lists together: a process has at most some 32,000 threads, and as many mappings. */
#define STEPS_MAX (1UL << 18)

/* The head of struct _PyStackChunk. `top` counts the words in use, but not of the newest chunk. */
struct chunk_head {
	uint64_t previous, size, top;
};

struct search {
	struct frame_stacks *out;
	const struct runtime *runtime;
	const struct memory *memory;
	struct address_set seen; /* thread states and chunks */
};

void frame_stacks__release(struct frame_stacks *stacks)
{
	account__free(stacks->chunks);
	*stacks = (struct frame_stacks){};
}

static void search__release(struct search *search)
{
	address_set__release(&search->seen);
}

/* Whether to look at the item of a list at @address: 1 or 0, which ends the list, or an error. */
static int step_to(struct search *search, uint64_t address)
{
	int is_new;

	if (!address)
		return 0;
	is_new = search->seen.cnt < STEPS_MAX ? address_set__add(&search->seen, address) : 0;
	search->out->refused_cnt += !is_new;
	return is_new;
}

/* The size of a chunk is that of a mapping, and what is used lies within. */
static bool is_chunk(uint64_t address, const struct chunk_head *head)
{
	return address % 4096 == 0 && head->size % 4096 == 0 && head->size > sizeof(*head) &&
	       address + head->size > address;
}

/* The bytes in use from the start of a chunk: up to @top, in the newest; else as it says. */
static uint64_t used_bytes(const struct chunk_head *head, uint64_t address, uint64_t top)
{
	if (top)
		return top - address <= head->size ? top - address : head->size;
	return head->top < head->size / sizeof(uint64_t)
		       ? sizeof(*head) + head->top * sizeof(uint64_t)
		       : head->size;
}

/*
 * Adds the chunk at @address. *previous: where the next one is; 0 also if this is none. Returns 0
 * or an error other than -EFAULT.
 */
static int add_chunk(struct search *search, uint64_t address, uint64_t top, bool is_used,
		     uint64_t *previous)
{
	struct frame_stacks *out = search->out;
	struct chunk_head head;
	int err = memory__read(search->memory, address, &head, sizeof(head));

	*previous = 0;
	if (err == -EFAULT || (!err && !is_chunk(address, &head)))
		return 0;
	if (!err)
		err = ACCOUNT_RESERVE(search->memory->account, out->chunks, out->capacity,
				      out->cnt + 1);
	if (err)
		return err;
	out->chunks[out->cnt++] = (struct frame_chunk){
		.address = address,
		.size = head.size,
		.used_bytes = is_used ? used_bytes(&head, address, top) : 0,
	};
	*previous = head.previous;
	return 0;
}

/* The word at @address; 0 if it cannot be read. Returns 0 or an error other than -EFAULT. */
static int read_word(const struct search *search, uint64_t address, uint64_t *word)
{
	int err = memory__read(search->memory, address, word, sizeof(*word));

	if (err == -EFAULT)
		*word = 0;
	return err == -EFAULT ? 0 : err;
}

static int add_cached_chunk(struct search *search, uint64_t thread)
{
	uint16_t offset = search->runtime->offsets.thread_cached_chunk;
	uint64_t chunk, previous;
	int err;

	if (offset == PY_NO_OFFSET)
		return 0;
	err = read_word(search, thread + offset, &chunk);
	if (!err)
		err = step_to(search, chunk);
	return err > 0 ? add_chunk(search, chunk, 0, false, &previous) : err;
}

/* Adds the chunks of a thread state, the newest first. */
static int add_chunks(struct search *search, uint64_t thread)
{
	uint64_t words[2], previous; /* datastack_chunk, datastack_top */
	int err = memory__read(search->memory, thread + search->runtime->offsets.thread_data_stack,
			       words, sizeof(words));

	if (err)
		return err == -EFAULT ? 0 : err;
	while ((err = step_to(search, words[0])) > 0) {
		err = add_chunk(search, words[0], words[1], true, &previous);
		if (err)
			return err;
		words[0] = previous;
		words[1] = 0;
	}
	return err ? err : add_cached_chunk(search, thread);
}

static int add_threads(struct search *search, uint64_t interpreter)
{
	const struct py_offsets *offsets = &search->runtime->offsets;
	uint64_t thread;
	int err = read_word(search, interpreter + offsets->interpreter_threads_head, &thread);

	while (!err && (err = step_to(search, thread)) > 0) {
		err = add_chunks(search, thread);
		if (!err)
			err = read_word(search, thread + offsets->thread_next, &thread);
	}
	return err;
}

int frame_stacks__find(struct frame_stacks *out, const struct runtime *runtime,
		       const struct memory *memory)
{
	_cleanup_account_free_ uint64_t *interpreters = NULL;
	_cleanup_(search__release) struct search search = {
		.out = out,
		.runtime = runtime,
		.memory = memory,
		.seen = {.ids.map.account = memory->account},
	};
	size_t cnt = 0;
	int err = 0;

	if (runtime->offsets.thread_data_stack == PY_NO_OFFSET)
		return 0;
	err = runtime__interpreters(runtime, memory, &interpreters, &cnt);
	for (size_t i = 0; i < cnt && !err; i++)
		err = add_threads(&search, interpreters[i]);
	return err;
}
