/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where to begin in the memory of a Python: the list of its interpreters, which leads to the
 * threads and so to all frames; and the offsets to follow it.
 *
 * From 3.7 on the list hangs on _PyRuntime. Before, it is the static variable `interp_head`
 * (Python/pystate.c). Where its symbol is stripped, it is known by where it points: to a
 * PyInterpreterState whose first thread state points back, and which has a dict of modules
 * (PyDict_Type is exported). `autoInterpreterState` does so too, but leads to the first interpreter
 * only, where `interp_head` leads to all: the one that leads to the other is taken. As long as
 * there is but one interpreter they cannot be told apart, and it may be the wrong one that is
 * found. (`_PyThreadState_Current`, which is exported, would not do: it is NULL whenever nobody has
 * the GIL. But while somebody has it, it says with which of its thread states a thread runs.)
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pyfrag/py_offsets.h"
#include "target/memory.h"
#include "target/python.h"
#include "util/failure.h"

struct runtime {
	struct py_offsets offsets;
	uint64_t address;	    /* _PyRuntime; 0 before 3.7 */
	uint64_t interpreters_head; /* address of the pointer to the first PyInterpreterState */
	/* Address of the pointer to the thread state that runs; 0 from 3.12 on. */
	uint64_t current_thread;
	uint64_t full_collections; /* 3.6: address of the counter, if known; else 0 */
};

/*
 * Finds it for @python, which has to have started up. Errors: -ENODATA it is not there (failure
 * says what), as py_offsets__find(), or negative errno of reading.
 */
int runtime__find(struct runtime *out, const struct python *python, const struct memory *memory,
		  struct failure *failure);

/* The addresses of all PyInterpreterState, the newest first. As interpreter_list__read(). */
int runtime__interpreters(const struct runtime *runtime, const struct memory *memory,
			  uint64_t **out, size_t *cnt);

/*
 * Follows the list of interpreters from the pointer at @head (0: an empty list) by the one at
 * @next_offset in each. One that goes away meanwhile ends the list, as does one that was in it
 * before: each is there once. The caller releases *out with account__free(). Returns 0, -ELOOP for
 * a list of over 4096 (it is damaged), or negative errno.
 */
int interpreter_list__read(uint64_t head, uint64_t next_offset, const struct memory *memory,
			   uint64_t **out, size_t *cnt);
