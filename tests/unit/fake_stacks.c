// SPDX-License-Identifier: BSD-2-Clause
#include "fake_stacks.h"

#include <stdio.h>
#include <string.h>

/* In struct pthread, and in the thread state of 3.15. */
#define LIST_OFFSET	0x2c0
#define TID_OFFSET	0x2d0
#define STACK_OFFSET	0x690
#define NEXT_OFFSET	0x10
#define CHUNK_OFFSET	0x100
#define CACHED_OFFSET	0x118
#define THREADS_OFFSET	0x20
#define DESCRIPTOR_SIZE 0x940UL

static void put(const struct fake_stacks *fake, uint64_t address, uint64_t word)
{
	memcpy(fake_memory__at(&fake->memory, address, sizeof(word)), &word, sizeof(word));
}

uint64_t fake_stacks__descriptor(size_t number)
{
	return FAKE_STACKS + (number + 1) * FAKE_STACK_BYTES - DESCRIPTOR_SIZE;
}

uint64_t fake_stacks__links(size_t number)
{
	return fake_stacks__descriptor(number) + LIST_OFFSET;
}

uint64_t fake_stacks__state(size_t number)
{
	return FAKE_PYTHON + (number + 1) * FAKE_STATE_BYTES;
}

static void map(struct fake_stacks *fake, uint64_t start, uint64_t size, uint64_t inode)
{
	fake_memory__map(&fake->memory, start, size);
	fake->maps[fake->mappings.cnt++] = (struct mapping){.start = start,
							    .end = start + size,
							    .inode = inode,
							    .readable = true,
							    .writable = true,
							    .path = ""};
}

static void make_descriptor(struct fake_stacks *fake, size_t number)
{
	uint64_t at = fake_stacks__descriptor(number);
	bool is_used = number < FAKE_THREADS;

	put(fake, at, at);
	put(fake, at + 16, at);
	put(fake, at + TID_OFFSET, is_used ? FAKE_FIRST_TID + number : 0);
	put(fake, at + STACK_OFFSET, FAKE_STACKS + number * FAKE_STACK_BYTES);
	put(fake, at + STACK_OFFSET + 8, FAKE_STACK_BYTES);
	put(fake, at + STACK_OFFSET + 16, 4096);
}

/* Links stacks from number @first to @last in a list. */
static void link_stacks(struct fake_stacks *fake, uint64_t end, size_t first, size_t last)
{
	uint64_t previous = end;

	for (size_t i = first; i <= last; i++) {
		put(fake, previous, fake_stacks__links(i));
		put(fake, fake_stacks__links(i) + 8, previous);
		previous = fake_stacks__links(i);
	}
	put(fake, previous, end);
	put(fake, end + 8, previous);
}

/* The first thread keeps a chunk, too. */
static void make_states(struct fake_stacks *fake)
{
	put(fake, FAKE_PYTHON + THREADS_OFFSET, fake_stacks__state(0));
	for (size_t i = 0; i < FAKE_THREADS; i++) {
		uint64_t state = fake_stacks__state(i),
			 chunk = FAKE_CHUNKS + 2 * i * FAKE_CHUNK_BYTES;

		put(fake, state + NEXT_OFFSET,
		    i + 1 < FAKE_THREADS ? fake_stacks__state(i + 1) : 0);
		put(fake, state + CHUNK_OFFSET, chunk);
		put(fake, state + CHUNK_OFFSET + 8, chunk + 0x1100);
		put(fake, chunk + 8, FAKE_CHUNK_BYTES);
		put(fake, chunk + FAKE_CHUNK_BYTES + 8, FAKE_CHUNK_BYTES);
		put(fake, chunk + FAKE_CHUNK_BYTES + 16, 0x700);
		put(fake, i ? chunk : state + CACHED_OFFSET, chunk + FAKE_CHUNK_BYTES);
	}
}

static int visit_threads(const struct target *target, target_thread_fn *take, void *context)
{
	int err = 0;

	(void)target;
	for (int i = 0; i < FAKE_THREADS && !err; i++) {
		struct target_thread thread = {
			.id = 4000 + i,
			.inner_id = FAKE_FIRST_TID + i,
			.has_stack_pointer = i > 0,
			.stack_pointer = FAKE_STACKS + (uint64_t)i * FAKE_STACK_BYTES + 0x5008,
		};

		snprintf(thread.name, sizeof(thread.name), "worker %d", i);
		err = take(&thread, context);
	}
	return err;
}

void fake_stacks__init(struct fake_stacks *fake)
{
	static const struct target_ops ops = {.visit_threads = visit_threads};

	*fake = (struct fake_stacks){.target = {.ops = &ops, .pid = 1}};
	fake_memory__init(&fake->memory);
	fake->target.memory = &fake->memory.memory;
	fake->mappings.items = fake->maps;
	map(fake, FAKE_LOADER, FAKE_LOADER_BYTES, 7);
	map(fake, FAKE_STACKS, FAKE_STACK_CNT * FAKE_STACK_BYTES, 0);
	map(fake, FAKE_PYTHON, 4096, 0);
	map(fake, FAKE_CHUNKS, 2UL * FAKE_THREADS * FAKE_CHUNK_BYTES, 0);
	for (size_t i = 0; i < FAKE_STACK_CNT; i++)
		make_descriptor(fake, i);
	link_stacks(fake, FAKE_USED_END, 0, FAKE_THREADS - 1);
	link_stacks(fake, FAKE_CACHE_END, FAKE_THREADS, FAKE_STACK_CNT - 1);
	make_states(fake);
	/* The list of interpreters: one, at whose start is the pointer to it. */
	put(fake, FAKE_PYTHON + 8, FAKE_PYTHON);
	fake->runtime = (struct runtime){
		.interpreters_head = FAKE_PYTHON + 8,
		.offsets = {.interpreter_next = 0x10,
			    .interpreter_threads_head = THREADS_OFFSET,
			    .thread_next = NEXT_OFFSET,
			    .thread_data_stack = CHUNK_OFFSET,
			    .thread_cached_chunk = CACHED_OFFSET},
	};
}

void fake_stacks__release(struct fake_stacks *fake)
{
	fake_memory__release(&fake->memory);
}
