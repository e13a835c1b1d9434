/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only writer of the ring buffer. A record that finds no room is counted, never waited for.
 *
 * Waking the consumer costs more than the record does: it is woken once for each wakeup_bytes that
 * wait (it also looks by itself now and then), and by the rare events that end things.
 */
#pragma once

#include "maps.bpf.h"

#define RECORD_BYTES (sizeof(struct pyfrag_event) + 8) /* with the ring buffer's own header */

static __always_inline void emit_event(__u8 type, __u8 size_class, __u64 address, __u64 flags)
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

static __always_inline void emit(__u8 type, __u8 size_class, __u64 address)
{
	__u64 waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
	bool wake = waiting >= wakeup_bytes && (waiting & (wakeup_bytes - 1)) < RECORD_BYTES;

	emit_event(type, size_class, address, wake ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

static __always_inline void emit_at_once(__u8 type, __u64 address)
{
	emit_event(type, 0, address, BPF_RB_FORCE_WAKEUP);
}
