// SPDX-License-Identifier: BSD-2-Clause
#include "pymalloc/pymalloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pymalloc/checkpoint.h"
#include "pymalloc/locate.h"
#include "pymalloc/pymalloc_layout.h"
#include "target/shortage.h"
#include "util/account.h"
#include "util/cleanup.h"

struct pymalloc_heap {
	struct target_heap base;
	struct obmalloc obmalloc;
};

static struct pymalloc_heap *pymalloc_heap_of(struct target_heap *target_heap)
{
	return (struct pymalloc_heap *)target_heap;
}

static void free_heap(struct target_heap *target_heap)
{
	obmalloc__free(&pymalloc_heap_of(target_heap)->obmalloc);
	free(target_heap);
}

static int describe_no_arenas(const struct heap_context *context, struct failure *failure)
{
	const struct target *target = context->target;
	_cleanup_free_ char *setting = target__environment(target, "PYTHONMALLOC");

	if (setting && strcmp(setting, "default") != 0)
		return failure__set(
			failure, -ENODATA,
			"process %d (%s): no pymalloc arenas: CPython %s was started with "
			"PYTHONMALLOC=%s; restart it without PYTHONMALLOC to use pymalloc",
			target->pid, target->comm, context->python->version, setting);
	return failure__set(failure, -ENODATA,
			    "process %d (%s): no pymalloc arenas: CPython %s does not allocate "
			    "with pymalloc (another allocator, or Python is not initialized yet)",
			    target->pid, target->comm, context->python->version);
}

/* Describes why no heap was located. */
static int describe_locate_error(const struct heap_context *context, int err,
				 struct failure *failure)
{
	const struct target *target = context->target;

	switch (err) {
	case -ENODATA:
		return describe_no_arenas(context, failure);
	case -ENOENT:
		return failure__set(
			failure, -ENODATA,
			"process %d (%s): no pymalloc arenas: CPython %s was built without "
			"pymalloc, or its state is damaged",
			target->pid, target->comm, context->python->version);
	case -EDQUOT:
		return shortage__describe(target, err, failure);
	case -EAGAIN:
		return failure__set(
			failure, err,
			"process %d (%s): found pymalloc's pools, but no arenas that "
			"fit them (`snapshot --pause` reads them while the process is stopped)",
			target->pid, target->comm);
	default:
		return failure__set(failure, err, "process %d (%s): cannot read its memory: %s",
				    target->pid, target->comm, strerror(-err));
	}
}

/* CPython 3.9 and later keep one empty arena (bpo-37257). */
static bool keeps_one_empty(const struct python *python)
{
	return python->major == 3 && python->minor >= 9;
}

static int add_heap(struct target_heaps *heaps, const struct heap_context *context,
		    struct obmalloc *obmalloc)
{
	struct pymalloc_heap *heap = calloc(1, sizeof(*heap));

	if (!heap) {
		obmalloc__free(obmalloc);
		return -ENOMEM;
	}
	heap->base = (struct target_heap){
		.allocator = &pymalloc,
		.context = *context,
		.layout = pymalloc_layout__of(&obmalloc->geometry),
	};
	heap->base.layout.keeps_one_empty = keeps_one_empty(context->python);
	heap->obmalloc = *obmalloc;
	return target_heaps__add(heaps, &heap->base);
}

static int locate(struct target_heaps *heaps, const struct heap_context *context,
		  struct failure *failure)
{
	_cleanup_(data_image__free) struct data_image data = {};
	const struct target *target = context->target;
	struct obmalloc obmalloc;
	int err;

	if (context->python->free_threaded)
		return failure__set(
			failure, -ENODATA,
			"process %d (%s): no pymalloc arenas: CPython %s is a free-threaded "
			"build, which allocates with mimalloc",
			target->pid, target->comm, context->python->version);
	err = module__read_data(context->python->module, context->target->memory, &data);
	if (!err)
		err = obmalloc__locate(&obmalloc, &data, context->target, context->target->memory);
	if (!err)
		err = add_heap(heaps, context, &obmalloc);
	return err ? describe_locate_error(context, err, failure) : 0;
}

static int describe_read_error(const struct heap_context *context, int err, struct failure *failure)
{
	const struct target *target = context->target;

	if (err == -EAGAIN || err == -EUCLEAN)
		return failure__set(
			failure, err,
			"process %d (%s): its table of arenas is inconsistent (damaged, or "
			"changing too fast; `snapshot --pause` reads it while the process is "
			"stopped)",
			target->pid, target->comm);
	if (err == -ELOOP)
		return failure__set(
			failure, err,
			"process %d (%s): its list of interpreters is too long "
			"(damaged, or changing too fast; `snapshot --pause` reads it while the "
			"process is stopped)",
			target->pid, target->comm);
	if (err == -E2BIG)
		return failure__set(failure, err,
				    "process %d (%s) has more than %u arenas, which pyfrag does "
				    "not support",
				    target->pid, target->comm, ARENAS_MAX);
	return failure__set(failure, err, "process %d (%s): cannot read its heap: %s", target->pid,
			    target->comm, strerror(-err));
}

/* Reads one checkpoint of all interpreters. */
static int update(struct target_heap *target_heap, struct heap *heap,
		  const struct checkpoint_options *options, struct checkpoint_counts *counts,
		  struct failure *failure)
{
	struct obmalloc *obmalloc = &pymalloc_heap_of(target_heap)->obmalloc;
	const struct heap_context *context = &target_heap->context;
	_cleanup_account_free_ uint64_t *interpreters = NULL;
	bool is_whole;
	size_t cnt;
	int err = python__interpreters(context->python, context->target->memory, &interpreters,
				       &cnt, &is_whole);

	if (!err && !is_whole)
		counts->skipped_interpreters++;
	if (!err)
		err = obmalloc__add_interpreters(obmalloc, interpreters, cnt,
						 context->target->memory,
						 &counts->skipped_interpreters);
	if (!err)
		err = checkpoint__update(heap, obmalloc, context->target->memory, options, counts);
	return err ? describe_read_error(context, err, failure) : 0;
}

static int reread(const struct target_heap *target_heap, struct heap *heap, const uint64_t *spans,
		  size_t cnt, struct checkpoint_counts *counts)
{
	return checkpoint__reread_pools(heap, target_heap->context.target->memory, spans, cnt,
					counts);
}

const struct allocator pymalloc = {
	.name = "pymalloc",
	.debug_name = "pymalloc_debug",
	.locate = locate,
	.free = free_heap,
	.update = update,
	.reread = reread,
};
