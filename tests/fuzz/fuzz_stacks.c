// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: whatever a target has written where glibc has its lists of stacks, and CPython those of
 * chunks for frames, reading them ends, and what is found are ranges of whole pages.
 *
 * Input: changes of a process as glibc and CPython would have made it. Each is a byte for what to
 * change (an end of a list, a descriptor, a thread state, a chunk), two for which word of it, and
 * the new word: a number, or the address of one of these.
 */
#include "fuzz.h"

#include <string.h>

#include "analysis/thread_stacks.h"
#include "fake_stacks.h"
#include "target/frame_stacks.h"
#include "util/account.h"
#include "util/cleanup.h"

#define MEMORY_MAX  (16UL << 20)
#define CHANGES_MAX 64

static uint64_t take_address(struct fuzz_input *input)
{
	uint8_t which = fuzz_input__byte(input), number = which / 8 % FAKE_STACK_CNT;
	uint16_t words;

	fuzz_input__take(input, &words, sizeof(words));
	switch (which % 8) {
	case 0:
		return FAKE_USED_END + words % 16 * 8UL;
	case 1:
		return FAKE_PYTHON + words % 512 * 8UL;
	case 2:
		return fake_stacks__state(number % FAKE_THREADS) + words % 64 * 8UL;
	case 3:
		return FAKE_CHUNKS + number * FAKE_CHUNK_BYTES + words % 4 * 8UL;
	case 4:
		return fake_stacks__links(number);
	case 5:
		return fake_stacks__descriptor(number) + 0x690 + words % 4 * 8UL;
	default:
		return fake_stacks__descriptor(number) + words % 0x120 * 8UL;
	}
}

static uint64_t take_word(struct fuzz_input *input)
{
	uint64_t word;

	switch (fuzz_input__byte(input) % 3) {
	case 0:
		return fuzz_input__byte(input) * 4096UL;
	case 1:
		return take_address(input);
	default:
		fuzz_input__take(input, &word, sizeof(word));
		return word;
	}
}

static void change(const struct fake_stacks *fake, struct fuzz_input *input)
{
	uint64_t address = take_address(input), word = take_word(input);
	void *there = fake_memory__find(&fake->memory, address, sizeof(word));

	if (there)
		memcpy(there, &word, sizeof(word));
}

static void read_thread_stacks(const struct fake_stacks *fake)
{
	_cleanup_(thread_stacks__release) struct thread_stacks stacks = {};
	int err = thread_stacks__find(&stacks, &fake->target, &fake->mappings);

	CHECK(!err || account__is_short(err));
	CHECK(err || stacks.cnt >= FAKE_THREADS);
	for (size_t i = 0; i < stacks.cnt && !err; i++) {
		const struct thread_stack *stack = &stacks.items[i];

		CHECK(stack->guard_start <= stack->start && stack->start <= stack->end);
		CHECK(stack->start % 4096 == 0 && stack->end % 4096 == 0);
		CHECK(i >= FAKE_THREADS || stack->thread);
	}
}

static void read_frame_stacks(const struct fake_stacks *fake)
{
	_cleanup_(frame_stacks__release) struct frame_stacks stacks = {};
	int err = frame_stacks__find(&stacks, &fake->runtime, fake->target.memory);

	CHECK(!err || account__is_short(err));
	for (size_t i = 0; i < stacks.cnt; i++) {
		const struct frame_chunk *chunk = &stacks.chunks[i];

		CHECK(chunk->address % 4096 == 0 && chunk->size && chunk->size % 4096 == 0);
		CHECK(chunk->used_bytes <= chunk->size);
		CHECK(chunk->address + chunk->size > chunk->address);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.bytes = data, .size = size};
	struct account *account = NULL;
	struct fake_stacks fake;

	CHECK(!account__new(&account, MEMORY_MAX, NULL));
	fake_stacks__init(&fake);
	fake.memory.memory.account = account;
	for (int i = 0; i < CHANGES_MAX && input.size; i++)
		change(&fake, &input);
	read_thread_stacks(&fake);
	read_frame_stacks(&fake);
	CHECK(!account__usage(account).used_bytes);
	account__close(account);
	fake_stacks__release(&fake);
	return 0;
}
