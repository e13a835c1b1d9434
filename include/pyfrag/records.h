/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every record that the tracing programs put into the ring buffer. A record starts with its type,
 * and is only as long as its type requires: a reader checks its size before it reads more than the
 * type (user/probes/events.c).
 */
#pragma once

#include "pyfrag/events.h"
#include "pyfrag/stacks.h"

union pyfrag_record {
	__u8 type; /* enum pyfrag_event_type */
	struct pyfrag_event event;
	struct pyfrag_stacked_event stacked; /* if event.flags has PYFRAG_EVENT_HAS_STACK */
	struct pyfrag_notice notice;
	struct pyfrag_stack stack;
};

_Static_assert(!__builtin_offsetof(struct pyfrag_event, type), "a record begins with its type");
_Static_assert(!__builtin_offsetof(struct pyfrag_notice, type), "a record begins with its type");
_Static_assert(!__builtin_offsetof(struct pyfrag_stack, type), "a record begins with its type");
