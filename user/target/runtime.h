/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where to begin in the memory of a Python: the list of its interpreters, which leads to the
 * threads and so to all frames, and the offsets needed to follow it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pyfrag/py_offsets.h"
#include "target/memory.h"

struct runtime {
	struct py_offsets offsets;
	uint64_t address;	    /* _PyRuntime; 0 before 3.7 */
	uint64_t interpreters_head; /* address of the pointer to the first PyInterpreterState */
	/* Address of the pointer to the running thread state; 0 from 3.12 on. */
	uint64_t current_thread;
	uint64_t full_collections; /* 3.6: address of the counter, if known; else 0 */
};

/* The addresses of all PyInterpreterState, newest first. Returns as interpreter_list__read(). */
int runtime__interpreters(const struct runtime *runtime, const struct memory *memory,
			  uint64_t **out, size_t *cnt);
