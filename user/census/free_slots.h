/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Free lists that are arrays: 80 slots, and a count of those in use. Python takes the last entry
 * and leaves its address in the slot. So no slot is a reference: those below the count point to
 * freed objects; the others point to what was there last, which is in use elsewhere by now, or
 * garbage.
 *
 * From 3.10 to 3.13, the arrays for lists, dicts, keys of dicts and asynchronous generators are in
 * PyInterpreterState (Include/internal/pycore_interp.h, pycore_list.h, pycore_dict_state.h,
 * pycore_genobject.h; 3.13: pycore_freelist_state.h). In earlier versions they are static variables
 * whose addresses are not known. From 3.14 on there are linked lists instead. The other free lists
 * are linked lists, too, whose heads point to freed objects. The heads of the collector's
 * generations are not references either: they are addresses of PyGC_Head, where no object begins.
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
 * Finds the arrays of all interpreters. An array that does not look like one is left out: the build
 * has another layout then. Returns 0, -ENOMEM, -EDQUOT or as runtime__interpreters(). The caller
 * releases *out.
 */
int free_slots__find(struct free_slots *out, const struct census *census,
		     const struct runtime *runtime);
void free_slots__release(struct free_slots *slots);

/* Whether @address is that of such a slot. */
bool free_slots__has(const struct free_slots *slots, uint64_t address);
