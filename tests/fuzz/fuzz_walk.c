// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: however interpreters, threads and frames refer to each other, the walk that BPF
 * programs do terminates within its bound of reads, with no more frames than there is room for.
 * What it returns for a thread that it found is correct, and code is read only at addresses that a
 * frame gave.
 *
 * Input: a byte that chooses the version of Python, then edits of a heap in which a thread has
 * three frames: the place (an object and a word in it), and the new value: an address, an address
 * plus a few bytes, or eight literal bytes.
 */
#include <errno.h>
#include <time.h>

#include "fuzz.h"

#include "fake_code.h"
#include "pyfrag/py_walk.h"
#include "stacks/thread_walk.h"
#include "target/offsets.h"
#include "util/cleanup.h"

#define PLACE(index)   (0x5100000000UL + (index)*0x10000)
#define PLACE_CNT      24
#define PLACE_BYTES    0x400UL
#define CODE	       0x7f0000010000UL
#define THREAD_ID      0x7fabc0de
#define TRIES	       20
#define READS_OF_CODE  64
#define READS_OF_WALKS (3 * PY_WALK_THREADS_MAX * 4 + PY_WALK_FRAMES_MAX + 2)

/* Code that waits for a target here waits for nothing. */
int nanosleep(const struct timespec *wanted, struct timespec *left)
{
	(void)wanted;
	(void)left;
	return 0;
}

static bool read_memory(const void *memory, void *to, __u32 size, __u64 address)
{
	return !memory__read(memory, address, to, size);
}

static void add_frame(struct pyfrag_stack *stack, __u64 code, __s32 instr, __u32 owner)
{
	CHECK(stack->frame_cnt < PYFRAG_STACK_DEPTH_MAX);
	stack->frames[stack->frame_cnt++] =
		(struct pyfrag_frame){.code = code, .instr = instr, .owner = owner};
}

static __u64 *frame_words(struct pyfrag_stack *stack)
{
	static __u64 words[PY_FRAME_WORDS];

	(void)stack;
	return words;
}

enum {
	HEAD,
	INTERPRETER,
	THREAD,
	CFRAME,
	FRAMES
};

struct world {
	struct fake_memory memory;
	struct py_walk walk;
};

static void put(struct world *world, int place, uint16_t offset, uint64_t value)
{
	if (offset != PY_NO_OFFSET && offset + sizeof(value) <= PLACE_BYTES)
		memcpy(fake_memory__at(&world->memory, PLACE(place) + offset, sizeof(value)),
		       &value, sizeof(value));
}

static void make_frames(struct world *world)
{
	const struct py_offsets *offsets = &world->walk.offsets;

	for (int i = 0; i < 3; i++) {
		put(world, FRAMES + i, offsets->frame_owner, 0);
		put(world, FRAMES + i, offsets->frame_previous, i < 2 ? PLACE(FRAMES + i + 1) : 0);
		put(world, FRAMES + i, offsets->frame_code, CODE);
		put(world, FRAMES + i, offsets->frame_instr, CODE + FAKE_INSTR);
	}
}

static void make_world(struct world *world, const struct py_offsets *offsets)
{
	static const struct fake_code code = {"run", "App.run", "/srv/app.py", 10, 1};
	bool has_cframe = offsets->cframe_current_frame != PY_NO_OFFSET;

	*world = (struct world){.walk = {.offsets = *offsets,
					 .interpreters_head = PLACE(HEAD),
					 .frame_bytes = py_offsets__frame_bytes(offsets),
					 .current_thread = PLACE(HEAD) + 8}};
	fake_memory__init(&world->memory);
	fake_code__map_type(&world->memory);
	fake_code__map(&world->memory, CODE, &code);
	for (int i = 0; i < PLACE_CNT; i++)
		fake_memory__map(&world->memory, PLACE(i), PLACE_BYTES);
	put(world, HEAD, 0, PLACE(INTERPRETER));
	put(world, HEAD, 8, PLACE(THREAD));
	put(world, INTERPRETER, offsets->interpreter_threads_head, PLACE(THREAD));
	put(world, THREAD, offsets->thread_id, THREAD_ID);
	put(world, THREAD, offsets->thread_status, PY_THREAD_INITIALIZED | PY_THREAD_ACTIVE);
	put(world, THREAD, offsets->thread_frame, PLACE(has_cframe ? CFRAME : FRAMES));
	put(world, CFRAME, offsets->cframe_current_frame, PLACE(FRAMES));
	make_frames(world);
}

/* A member that a walk reads, so that edits have an effect. */
static uint16_t choose_offset(const struct py_offsets *offsets, uint8_t choice)
{
	const uint16_t members[] = {
		0,
		8,
		offsets->interpreter_next,
		offsets->interpreter_threads_head,
		offsets->thread_next,
		offsets->thread_id,
		offsets->thread_status,
		offsets->thread_frame,
		offsets->cframe_current_frame,
		offsets->frame_previous,
		offsets->frame_code,
		offsets->frame_instr,
		offsets->frame_owner,
	};

	return members[choice % ARRAY_SIZE(members)];
}

static void edit(struct world *world, struct fuzz_input *input)
{
	while (input->size) {
		int place = fuzz_input__byte(input) % PLACE_CNT;
		uint16_t offset = choose_offset(&world->walk.offsets, fuzz_input__byte(input));
		uint8_t kind = fuzz_input__byte(input);
		uint64_t value;

		if (kind < 0xc0) {
			value = PLACE(kind % PLACE_CNT);
			if (kind >= 0x80)
				value += fuzz_input__byte(input);
		} else if (kind < 0xe0) {
			value = CODE + (kind & 1) * 8;
		} else {
			fuzz_input__take(input, &value, sizeof(value));
		}
		put(world, place, offset, value);
	}
}

static void check_walk(struct world *world)
{
	const struct py_walker walker = {
		.read = read_memory,
		.add_frame = add_frame,
		.frame_words = frame_words,
		.memory = &world->memory.memory,
	};
	const struct py_walk *walk = &world->walk;
	uint64_t thread, calls = world->memory.call_cnt;
	struct pyfrag_stack stack = {};
	enum py_walk_result result;

	thread = py_walk__find_thread(walk, &walker, THREAD_ID);
	CHECK(!thread || py_walk__is_current(walk, &walker, thread, THREAD_ID));
	result = py_walk__frames(walk, &walker, thread ? thread : PLACE(THREAD), &stack);
	CHECK(result <= PY_WALK_TRUNCATED && stack.frame_cnt <= PYFRAG_STACK_DEPTH_MAX);
	CHECK(world->memory.call_cnt - calls <= READS_OF_WALKS);
	for (uint32_t i = 0; i < stack.frame_cnt; i++)
		CHECK(!(stack.frames[i].code & walk->offsets.frame_code_tags));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int versions[][2] = {{2, 7}, {3, 8}, {3, 10}, {3, 11}, {3, 12}};
	struct fuzz_input input = {data, size};
	const int *version = versions[fuzz_input__byte(&input) % ARRAY_SIZE(versions)];
	struct failure failure = {};
	struct world world;
	uint64_t calls;
	int err;

	make_world(&world, py_offsets__of_version(version[0], version[1]));
	edit(&world, &input);
	check_walk(&world);
	calls = world.memory.call_cnt;
	err = thread_walk__check(&world.walk, &world.memory.memory, &failure);
	CHECK(!err || (err == -EBADMSG && failure.text[0]));
	CHECK(world.memory.call_cnt - calls <=
	      TRIES * (READS_OF_WALKS + PYFRAG_STACK_DEPTH_MAX * READS_OF_CODE));
	fake_memory__release(&world.memory);
	return 0;
}
