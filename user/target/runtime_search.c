// SPDX-License-Identifier: BSD-2-Clause
#include "target/runtime_search.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "target/full_collections.h"
#include "target/interpreter_list.h"
#include "target/offsets.h"
#include "util/cleanup.h"
#include "util/cpu_allowance.h"

/* Limit for words of the data that by themselves could point to an interpreter. */
#define CANDIDATES_MAX (1UL << 22)

/* The start of PyInterpreterState up to 3.6 (Include/pystate.h). */
struct old_interpreter {
	uint64_t next, threads_head, modules;
};

/* A word of the data, and the interpreter it may point to. */
struct candidate {
	uint64_t at; /* address of the word */
	uint64_t interpreter;
};

static bool points_to(const struct memory *memory, uint64_t at, uint64_t target)
{
	uint64_t word;

	return !memory__read(memory, at, &word, sizeof(word)) && word == target;
}

static bool is_interpreter(const struct py_offsets *offsets, const struct memory *memory,
			   uint64_t address, uint64_t dict_type)
{
	struct old_interpreter interpreter;

	return !memory__read(memory, address, &interpreter, sizeof(interpreter)) &&
	       points_to(memory, interpreter.threads_head + offsets->thread_interpreter, address) &&
	       points_to(memory, interpreter.modules + offsets->object_type, dict_type);
}

/* Whether the list that begins at @from contains @to. */
static bool leads_to(const struct py_offsets *offsets, const struct memory *memory, uint64_t from,
		     uint64_t to)
{
	for (size_t i = 0; from && from != to && i < INTERPRETERS_MAX; i++)
		if (memory__read(memory, from + offsets->interpreter_next, &from, sizeof(from)))
			return false;
	return from == to;
}

/* Keeps the head of the longest list in @best. */
static void consider_word(const struct py_offsets *offsets, const struct memory *memory,
			  const struct candidate *seen, uint64_t dict_type, struct candidate *best)
{
	if (seen->interpreter == best->interpreter ||
	    !is_interpreter(offsets, memory, seen->interpreter, dict_type))
		return;
	if (!best->at || leads_to(offsets, memory, seen->interpreter, best->interpreter))
		*best = *seen;
}

/* Whether this could be a pointer from malloc(), into user space. */
static bool could_be_interpreter(uint64_t word)
{
	return word % 16 == 0 && word >= 4096 && word < 1UL << 56;
}

struct interpreter_search {
	const struct py_offsets *offsets;
	const struct memory *memory;
	uint64_t dict_type;
	struct candidate best;
	size_t tried_cnt;
};

static int look_for_interpreters(const struct data_piece *piece, void *context)
{
	struct interpreter_search *search = context;
	int err;

	for (size_t at = -piece->address & 7; at < piece->size && at + 8 <= piece->extent;
	     at += 8) {
		struct candidate seen = {.at = piece->address + at};

		memcpy(&seen.interpreter, piece->bytes + at, 8);
		if (!could_be_interpreter(seen.interpreter))
			continue;
		if (search->tried_cnt++ == CANDIDATES_MAX)
			return -E2BIG;
		err = cpu_allowance__check();
		if (err)
			return err;
		consider_word(search->offsets, search->memory, &seen, search->dict_type,
			      &search->best);
	}
	return 0;
}

/* Finds the address of `interp_head` in the data alone; *out is 0 if it is not there. */
static int scan_interpreters_head(const struct python *python, const struct py_offsets *offsets,
				  const struct memory *memory, uint64_t *out)
{
	_cleanup_(data_image__free) struct data_image data = {};
	struct interpreter_search search = {
		.offsets = offsets,
		.memory = memory,
		.dict_type = python__find_symbol(python, "PyDict_Type"),
	};
	int err = search.dict_type ? module__read_data(python->module, memory, &data) : 0;

	if (!err && search.dict_type)
		err = data_image__visit(&data, memory, look_for_interpreters, &search);
	if (err && err != -E2BIG)
		return err;
	*out = search.best.at;
	return 0;
}

static int find_interpreters_head(struct runtime *runtime, const struct python *python,
				  const struct memory *memory)
{
	if (runtime->offsets.runtime_interpreters_head != PY_NO_OFFSET) {
		if (runtime->address)
			runtime->interpreters_head =
				runtime->address + runtime->offsets.runtime_interpreters_head;
		return 0;
	}
	runtime->interpreters_head = python__find_symbol(python, "interp_head");
	if (runtime->interpreters_head)
		return 0;
	return scan_interpreters_head(python, &runtime->offsets, memory,
				      &runtime->interpreters_head);
}

static int find_current_thread(struct runtime *runtime, const struct python *python)
{
	if (runtime->offsets.thread_status != PY_NO_OFFSET)
		return 0;
	if (runtime->offsets.runtime_current_thread != PY_NO_OFFSET)
		runtime->current_thread =
			runtime->address + runtime->offsets.runtime_current_thread;
	else
		runtime->current_thread = python__find_symbol(python, "_PyThreadState_Current");
	return runtime->current_thread ? 0 : -ENODATA;
}

int runtime__find(struct runtime *out, const struct python *python, const struct memory *memory,
		  struct failure *failure)
{
	struct runtime runtime = {.address = python->runtime};
	int err;

	if (python->free_threaded)
		return failure__set(failure, -ENOTSUP, "free-threaded Python %s is not supported",
				    python->version);
	err = py_offsets__find(&runtime.offsets, python->major, python->minor, python->runtime,
			       memory, failure);
	if (err)
		return err;
	err = find_interpreters_head(&runtime, python, memory);
	if (err)
		return failure__set(failure, err, "cannot read the data of Python %s: %s",
				    python->version, strerror(-err));
	if (!runtime.interpreters_head)
		return failure__set(failure, -ENODATA,
				    "Python %s: no list of interpreters found in its data",
				    python->version);
	err = find_current_thread(&runtime, python);
	if (err)
		return failure__set(failure, err,
				    "Python %s: it does not export _PyThreadState_Current",
				    python->version);
	err = full_collections__locate(&runtime, python, memory);
	if (err)
		return failure__set(failure, err, "cannot read the runtime of Python %s: %s",
				    python->version, strerror(-err));
	*out = runtime;
	return 0;
}
