/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where references begin: what is alive without anybody in the heap referring to it.
 *
 * The names that a programmer knows come first: modules, then the local variables of the functions
 * that run. Then what interpreters and threads hold, and last the static data of the program and
 * its libraries, where every word is taken that is the address of an object; but for the slots of
 * free lists (free_slots.h).
 *
 * Sources: PyInterpreterState and PyThreadState (Include/internal/pycore_interp.h and its like), of
 * which every word is looked at; the dict of modules is the first that holds "sys" and "builtins".
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
	ROOT_FRAME,	  /* what else a frame refers to: its function, its globals, its stack */
	ROOT_INTERPRETER, /* and its threads */
	ROOT_DATA,	  /* static, of a program or library */
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
	struct root *roots; /* by kind */
	size_t cnt, capacity;
	/*
	 * A module: its name. A local: "function() in thread 1: name". A frame: "function() in
	 * thread 1". Static data: the path of the file. Not made safe to print.
	 */
	char **labels;
	size_t label_cnt, label_capacity;
	/*
	 * Frames and threads in lists that lead in a circle; these and modules beyond so many, or
	 * so long labels; static data of a library of which more than 1 GiB was touched, or beyond
	 * 512 MiB or 1024 files for all.
	 */
	uint64_t refused_cnt;
};

/* Where to look. */
struct root_sources {
	const struct target *target;
	const struct runtime *runtime;
};

/*
 * Returns 0, -ENOMEM or as memory__read_ranges(); what cannot be read is left out. The caller
 * releases.
 */
int roots__find(struct roots *out, const struct graph *graph, const struct root_sources *sources);
void roots__release(struct roots *roots);
