/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Free lists that are arrays: 80 slots and a count of those in use. Python takes the last one and
 * leaves its address in the slot. So what is in them refers to nothing: up to the count to objects
 * that were freed, from there on to what was last there, and is in use elsewhere by now or is
 * garbage.
 *
 * From 3.10 to 3.13 those of lists, dicts, keys of dicts and asynchronous generators are in
 * PyInterpreterState (Include/internal/pycore_interp.h, pycore_list.h, pycore_dict_state.h,
 * pycore_genobject.h; 3.13: pycore_freelist_state.h). Before, they are static variables that
 * nothing leads to; from 3.14 on there are linked lists in their place. The other free lists are
 * linked, too: what begins them is free. The heads of the collector's generations are no references
 * either: they are addresses of PyGC_Head, where no object begins.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "census/census.h"
#include "target/runtime.h"

struct free_slots {
	struct slot_range {
		uint64_t start, end; /* addresses: [start, end) */
	} * ranges;		     /* ascending */
	size_t cnt, capacity;
};

/*
 * Finds those of all interpreters. An array that does not look like one is left out: then the build
 * has another layout. Returns 0, -ENOMEM, -EDQUOT or as runtime__interpreters(). The caller
 * releases.
 */
int free_slots__find(struct free_slots *out, const struct census *census,
		     const struct runtime *runtime);
void free_slots__release(struct free_slots *slots);

/* Whether the word at @address is such a slot. */
bool free_slots__has(const struct free_slots *slots, uint64_t address);
