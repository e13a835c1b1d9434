/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Identifies the Python stack of the thread that hit a probe by a number. The stack itself is sent
 * only once, just before the first event that carries its number.
 *
 * The walk computes two hashes of the frames. One is the number. The other is stored with it, to
 * detect a different stack with the same number.
 */
#pragma once

#include "compat.bpf.h"
#include "emit.bpf.h"
#include "maps.bpf.h"
#include "pyfrag/py_walk.h"
#include "pyfrag/sampling.h"
#include "pyfrag/stacks.h"

/* Set by user space. No stack is recorded before it is enabled. */
struct pyfrag_stacks stacks;

struct stack_scratch {
	struct pyfrag_stack stack;
	__u64 number, check;
	__s64 until_sample;	     /* bytes */
	__u64 words[PY_FRAME_WORDS]; /* a copy of a frame */
	__u32 busy;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stack_scratch);
} scratches SEC(".maps");

/* Stacks that were sent to user space: number -> the other hash. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u64);
} sent_stacks SEC(".maps");

/* Thread id -> the PyThreadState that the thread last ran with. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} threads SEC(".maps");

static __always_inline bool read_memory(const void *memory, void *to, __u32 size, __u64 address)
{
	(void)memory; /* always that of the current process */
	return !bpf_probe_read_user(to, size, (void *)address);
}

static __always_inline __u64 mix(__u64 hash, __u64 value, __u64 factor)
{
	hash = (hash ^ value) * factor;
	return hash ^ hash >> 29;
}

static __always_inline void add_frame(struct pyfrag_stack *stack, __u64 code, __s32 instr,
				      __u32 owner)
{
	struct stack_scratch *scratch = (struct stack_scratch *)stack;
	struct pyfrag_frame *frame =
		&scratch->stack.frames[scratch->stack.frame_cnt & PYFRAG_STACK_DEPTH_MAX];
	__u64 place = (__u64)owner << 32 | (__u32)instr;

	frame->code = code;
	frame->instr = instr;
	frame->owner = owner;
	scratch->stack.frame_cnt++;
	scratch->number =
		mix(mix(scratch->number, code, 0x9e3779b97f4a7c15), place, 0x9e3779b97f4a7c15);
	scratch->check =
		mix(mix(scratch->check, code, 0xc2b2ae3d27d4eb4f), place, 0xc2b2ae3d27d4eb4f);
}

static __always_inline __u64 *frame_words(struct pyfrag_stack *stack)
{
	return ((struct stack_scratch *)stack)->words;
}

static const struct py_walker walker = {
	.read = read_memory,
	.add_frame = add_frame,
	.frame_words = frame_words,
};

/* The PyThreadState of this thread; 0 if it has none. */
static __always_inline __u64 current_thread_state(void)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	__u64 id = current_thread_id(), thread;
	__u64 *known;

	if (stacks.walk.current_thread) {
		thread = py_walk__word(&walker, stacks.walk.current_thread);
		return thread && py_walk__is_current(&stacks.walk, &walker, thread, id) ? thread
											: 0;
	}
	known = bpf_map_lookup_elem(&threads, &tid);
	if (known && py_walk__is_current(&stacks.walk, &walker, *known, id))
		return *known;
	thread = py_walk__find_thread(&stacks.walk, &walker, id);
	if (thread)
		bpf_map_update_elem(&threads, &tid, &thread, BPF_ANY);
	return thread;
}

/* Sends the stack in @scratch, unless it was sent before. Returns its number, or 0 on failure. */
static __always_inline __u64 send_stack(struct stack_scratch *scratch)
{
	__u64 number = scratch->number;
	__u64 *check = bpf_map_lookup_elem(&sent_stacks, &number);

	if (check && *check == scratch->check)
		return number;
	if (check) {
		count(COUNTER_STACKS_COLLIDED);
		return 0;
	}
	scratch->stack.number = number;
	if (!emit_stack(&scratch->stack))
		return 0;
	bpf_map_update_elem(&sent_stacks, &number, &scratch->check, BPF_ANY);
	return number;
}

static __always_inline __u64 walk_stack(struct stack_scratch *scratch)
{
	__u64 thread = current_thread_state();
	enum py_walk_result result;

	if (!thread) {
		count(COUNTER_STACKS_NO_THREAD);
		return 0;
	}
	scratch->stack.type = EVENT_STACK;
	scratch->stack.tgid = target_tgid;
	scratch->stack.frame_cnt = 0;
	scratch->number = scratch->check = 1;
	result = py_walk__frames(&stacks.walk, &walker, thread, &scratch->stack);
	if (result == PY_WALK_UNREADABLE) {
		count(COUNTER_STACKS_UNREADABLE);
		return 0;
	}
	if (result == PY_WALK_TRUNCATED)
		count(COUNTER_STACKS_TRUNCATED);
	scratch->stack.is_truncated = result == PY_WALK_TRUNCATED;
	return send_stack(scratch);
}

/*
 * The number of this thread's stack; 0 if it cannot be recorded. The time of the walk is charged
 * here, because the measured cost of a hit does not include it.
 */
static __always_inline __u64 current_stack(void)
{
	__u32 zero = 0;
	struct stack_scratch *scratch = bpf_map_lookup_elem(&scratches, &zero);
	__u64 start_ns = bpf_ktime_get_ns(), number;

	if (!scratch)
		return 0;
	/* This thread has preempted, on this CPU, the walk of a thread of another interpreter. */
	if (scratch->busy) {
		count(COUNTER_STACKS_NESTED);
		return 0;
	}
	scratch->busy = 1;
	number = walk_stack(scratch);
	scratch->busy = 0;
	__sync_fetch_and_add(&spent_ns, bpf_ktime_get_ns() - start_ns);
	return number;
}

/*
 * The minimum size, in bytes, at which this allocation is sampled (pyfrag/sampling.h); 0 if it is
 * not sampled, whatever its size.
 */
static __always_inline __u32 next_point(void)
{
	__u32 zero = 0, point;
	struct stack_scratch *scratch;

	if (!stacks.sample_bytes)
		return 1;
	scratch = bpf_map_lookup_elem(&scratches, &zero);
	if (!scratch)
		return 0;
	point = sampling__step(&scratch->until_sample);
	if (scratch->until_sample <= 0)
		scratch->until_sample =
			(__s64)sampling__distance(bpf_get_prandom_u32(), stacks.sample_bytes);
	return point;
}
