// SPDX-License-Identifier: BSD-2-Clause
#include "census/source_census.h"

#include <string.h>

#include "census/census_take.h"
#include "target/offsets.h"
#include "target/runtime_search.h"
#include "target/shortage.h"
#include "util/checked.h"
#include "util/cleanup.h"

static uint64_t count_writable_bytes(const struct target *target)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < target->map_cnt; i++)
		if (target->maps[i].writable)
			bytes += target->maps[i].end - target->maps[i].start;
	return bytes;
}

/*
 * How much memory can hold references: what has been written, and as much again for what is written
 * during the census. Memory that is mapped but was never touched holds none, and a process can map
 * any amount of it.
 */
static uint64_t count_usable_bytes(const struct target *target)
{
	uint64_t mapped = count_writable_bytes(target), used;

	if (target__used_bytes(target, &used) || !checked_mul(used, 2, &used))
		return mapped;
	return used < mapped ? used : mapped;
}

/* How many interpreters the process has; 0: not known. */
static uint32_t count_interpreters(const struct heap_source *source)
{
	const struct memory *memory = source->target->memory;
	_cleanup_account_free_ uint64_t *interpreters = NULL;
	struct failure ignored = {};
	struct runtime runtime;
	size_t cnt;

	if (runtime__find(&runtime, source->python, memory, &ignored) ||
	    runtime__interpreters(&runtime, memory, &interpreters, &cnt) || cnt > UINT32_MAX)
		return 0;
	return (uint32_t)cnt;
}

int source_census__take(struct census **out, const struct heap_source *source,
			const struct heap *heap, struct failure *failure)
{
	struct py_offsets offsets;
	struct census_options options = {
		.target = source->target,
		.major = source->python->major,
		.minor = source->python->minor,
		.debug_hooks = heap_source__main(source)->has_debug_hooks,
		.offsets = &offsets,
	};
	const struct memory *memory = source->target->memory;
	int err = py_offsets__find(&offsets, source->python->major, source->python->minor,
				   source->python->runtime, memory, failure);

	/* Types are recognized by what is mapped now. */
	if (!err)
		err = target__reload_maps(source->target, failure);
	if (err)
		return err;
	options.interpreter_cnt = count_interpreters(source);
	options.refcnt_max = count_usable_bytes(source->target) / sizeof(uint64_t);
	err = census__take(out, heap, memory, &options);
	if (account__is_short(err))
		return shortage__describe(source->target, err, failure);
	if (!err)
		return 0;
	failure__set(failure, err, "process %d (%s): cannot read its objects: %s",
		     source->target->pid, source->target->comm, strerror(-err));
	return shortage__describe_swapped(source->target, err, failure);
}
