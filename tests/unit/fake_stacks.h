/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fake process with threads, as glibc and CPython 3.15 have them: descriptors at the ends of
 * stacks, in a list of those in use and one of those that are kept, and thread states with chunks
 * for frames.
 */
#pragma once

#include "fake_memory.h"
#include "target/mapping.h"
#include "target/runtime.h"
#include "target/target.h"

#define FAKE_LOADER	  0x7f1100000000UL /* ld.so's data, with the ends of the lists */
#define FAKE_LOADER_BYTES 0x2000UL
#define FAKE_USED_END	  (FAKE_LOADER + 0x10c8)
#define FAKE_CACHE_END	  (FAKE_LOADER + 0x10e8)
#define FAKE_STACKS	  0x7f1200000000UL
#define FAKE_STACK_BYTES  0x8000UL /* with a guard of one page */
#define FAKE_THREADS	  3	   /* with stacks in use; two more stacks are kept */
#define FAKE_STACK_CNT	  5
#define FAKE_FIRST_TID	  100		   /* of the threads, as the process itself sees them */
#define FAKE_PYTHON	  0x7f1300000000UL /* the interpreter, and a thread state for each thread */
#define FAKE_STATE_BYTES  0x400UL
#define FAKE_CHUNKS	  0x7f1400000000UL /* for frames; two for each thread */
#define FAKE_CHUNK_BYTES  0x4000UL

struct fake_stacks {
	struct fake_memory memory;
	struct target target;
	struct runtime runtime;
	struct mapping maps[4];
	struct mappings mappings;
};

/* The descriptor of stack @number, and where its links are. */
uint64_t fake_stacks__descriptor(size_t number);
uint64_t fake_stacks__links(size_t number);

/* The thread state of thread @number, from 0 on. */
uint64_t fake_stacks__state(size_t number);

void fake_stacks__init(struct fake_stacks *fake);
void fake_stacks__release(struct fake_stacks *fake);
