/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only writer of the ring buffer. A record that finds no room is counted, never waited for.
 *
 * Waking the consumer costs more than the record does: it is woken once in wakeup_hits (it also
 * looks by itself, many times a second), and by the rare events that end things.
 */
#pragma once

#include "maps.bpf.h"
#include "pyfrag/stacks.h"

static __always_inline void emit(__u8 type, __u8 size_class, __u64 address, __u64 flags)
{
	struct pyfrag_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		count(COUNTER_LOST);
		return;
	}
	event->type = type;
	event->size_class = size_class;
	event->reserved = 0;
	event->tgid = target_tgid;
	event->address = address;
	bpf_ringbuf_submit(event, flags);
}

/* Whether the consumer is to be woken by what the @number-th hit on this CPU tells. */
static __always_inline __u64 wakeup_at(__u64 number)
{
	return number & (wakeup_hits - 1) ? BPF_RB_NO_WAKEUP : BPF_RB_FORCE_WAKEUP;
}

static __always_inline void emit_stacked(__u8 type, __u8 size_class, __u16 flags, __u64 address,
					 __u64 stack, __u64 wakeup)
{
	struct pyfrag_stacked_event *stacked = bpf_ringbuf_reserve(&events, sizeof(*stacked), 0);

	if (!stacked) {
		count(COUNTER_LOST);
		return;
	}
	stacked->event.type = type;
	stacked->event.size_class = size_class;
	stacked->event.reserved = PYFRAG_EVENT_HAS_STACK | flags;
	stacked->event.tgid = target_tgid;
	stacked->event.address = address;
	stacked->stack = stack;
	bpf_ringbuf_submit(stacked, wakeup);
}

static __always_inline void emit_at_once(__u8 type, __u64 address)
{
	emit(type, 0, address, BPF_RB_FORCE_WAKEUP);
}
