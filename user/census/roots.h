/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Roots: where references begin; what is alive although nothing in the heap refers to it.
 *
 * The names that a programmer knows come first: modules, then the local variables of running
 * functions. Then comes what interpreters and threads hold, and last the static data of the program
 * and its libraries: every word of it that is the address of an object, except for the slots of
 * free lists (free_slots.h).
 *
 * Sources: every word of PyInterpreterState and PyThreadState (Include/internal/pycore_interp.h and
 * the like). The dict of modules is the first dict that holds "sys" and "builtins".
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "census/graph.h"
#include "target/runtime.h"
#include "target/target.h"

enum root_kind {
	ROOT_MODULE,
	ROOT_LOCAL,
	ROOT_FRAME,	  /* what else a frame refers to: its function, globals and stack */
	ROOT_INTERPRETER, /* and its threads */
	ROOT_DATA,	  /* static data of a program or library */
	ROOT_KIND_CNT,
};

/* "module", "local", "frame", "interpreter", "data" */
extern const char *const root_kind_names[ROOT_KIND_CNT];

struct root {
	uint32_t node;
	enum root_kind kind;
	uint32_t label;
};

struct roots {
	struct root *roots; /* sorted by kind */
	size_t cnt, capacity;
	/*
	 * A module: its name. A local variable: "function() in thread 1: name". A frame:
	 * "function() in thread 1". A thread or interpreter: "thread 1", "interpreter 0". Static
	 * data: the path of the file. Not made safe to print.
	 */
	char **labels;
	size_t label_cnt, label_capacity;
	/*
	 * What was left out: frames and threads in circular lists; frames, threads and modules
	 * beyond a number, or beyond a total length of labels; static data of a library that has
	 * touched more than 1 GiB of it, or beyond 512 MiB or 1024 files in all.
	 */
	uint64_t refused_cnt;
};

struct root_sources {
	const struct target *target;
	const struct runtime *runtime;
};

/*
 * Finds the roots. What cannot be read is left out. Returns 0, -ENOMEM, -EDQUOT or as
 * memory__read_ranges(). The caller releases *out.
 */
int roots__find(struct roots *out, const struct graph *graph, const struct root_sources *sources);
void roots__release(struct roots *roots);
