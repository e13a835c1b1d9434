/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only writer of the ring buffer, with a function for each kind of record (pyfrag/records.h).
 * If the ring has no room for a record, the record is counted and dropped; nothing waits for room.
 *
 * Waking the consumer costs more than writing a record. So only every wakeup_hits-th hit of a CPU,
 * a new stack and a notice wake it. It also polls the ring several times a second.
 */
#pragma once

#include "maps.bpf.h"
#include "pyfrag/records.h"

/* The wakeup flag for the event of the @number-th hit on this CPU. */
static __always_inline __u64 wakeup_at(__u64 number)
{
	return number & (wakeup_hits - 1) ? BPF_RB_NO_WAKEUP : BPF_RB_FORCE_WAKEUP;
}

static __always_inline void emit(__u8 type, __u8 size_class, __u64 address, __u64 wakeup)
{
	struct pyfrag_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		count(COUNTER_LOST);
		return;
	}
	event->type = type;
	event->size_class = size_class;
	event->flags = 0;
	event->sample_step = 0;
	event->tgid = target_tgid;
	event->address = address;
	bpf_ringbuf_submit(event, wakeup);
}

/* @flags: added to PYFRAG_EVENT_HAS_STACK. */
static __always_inline void emit_stacked(__u8 type, __u8 size_class, __u64 address, __u8 flags,
					 __u8 sample_step, __u64 stack, __u64 wakeup)
{
	struct pyfrag_stacked_event *stacked = bpf_ringbuf_reserve(&events, sizeof(*stacked), 0);

	if (!stacked) {
		count(COUNTER_LOST);
		return;
	}
	stacked->event.type = type;
	stacked->event.size_class = size_class;
	stacked->event.flags = PYFRAG_EVENT_HAS_STACK | flags;
	stacked->event.sample_step = sample_step;
	stacked->event.tgid = target_tgid;
	stacked->event.address = address;
	stacked->stack = stack;
	bpf_ringbuf_submit(stacked, wakeup);
}

/* Wakes the consumer at once: it has to read the names of code objects before they are freed. */
static __always_inline bool emit_stack(struct pyfrag_stack *stack)
{
	__u32 frame_cnt = stack->frame_cnt & PYFRAG_STACK_DEPTH_MAX;

	if (bpf_ringbuf_output(&events, stack, pyfrag_stack__bytes(frame_cnt),
			       BPF_RB_FORCE_WAKEUP)) {
		count(COUNTER_LOST);
		return false;
	}
	return true;
}

static __always_inline void emit_notice(__u8 type, __u32 tgid)
{
	struct pyfrag_notice *notice = bpf_ringbuf_reserve(&events, sizeof(*notice), 0);

	if (!notice) {
		count(COUNTER_LOST);
		return;
	}
	__builtin_memset(notice->padding, 0, sizeof(notice->padding));
	notice->type = type;
	notice->tgid = tgid;
	bpf_ringbuf_submit(notice, BPF_RB_FORCE_WAKEUP);
}
