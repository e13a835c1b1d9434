// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/glibc_malloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "malloc/malloc_layout.h"
#include "target/shortage.h"
#include "util/account.h"
#include "util/cleanup.h"

#define TYPE_MRO 344

struct glibc_heap {
	struct target_heap base;
	bool is_read;
	struct mallocs mallocs;
};

static struct glibc_heap *glibc_heap_of(struct target_heap *target_heap)
{
	return (struct glibc_heap *)target_heap;
}

static void free_heap(struct target_heap *target_heap)
{
	mallocs__release(&glibc_heap_of(target_heap)->mallocs);
	free(target_heap);
}

static int describe_error(const struct heap_context *context, int err, struct failure *failure)
{
	const struct target *target = context->target;

	if (account__is_short(err))
		return shortage__describe(target, err, failure);
	return failure__set(failure, err, "process %d (%s): cannot read its malloc: %s",
			    target->pid, target->comm, strerror(-err));
}

/*
 * Sets *object to the address of an object that every Python has created when it started, in the
 * way it creates all objects: the tuple of the bases of the type "type" (tp_mro,
 * Include/cpython/object.h; at the same offset since 2.7). 0: Python exports no symbol for it.
 * Returns 0 or as memory__read().
 */
static int find_some_object(const struct heap_context *context, uint64_t *object)
{
	uint64_t type = python__find_symbol(context->python, "PyType_Type");

	*object = 0;
	return type ? memory__read(context->target->memory, type + TYPE_MRO, object,
				   sizeof(*object))
		    : 0;
}

/*
 * Whether Python's objects are in the memory of a malloc: it may have another allocator that has
 * nothing to do with malloc, such as mimalloc. Returns 0, -ENODATA: they are not, or there is no
 * malloc of glibc; or negative errno.
 */
static int look_for_objects(const struct heap_context *context)
{
	_cleanup_(malloc_areas__release) struct malloc_areas areas = {};
	const struct malloc_range *range;
	uint64_t object = 0;
	int err = malloc_areas__find(&areas, context->target, NULL);

	if (!err)
		err = find_some_object(context, &object);
	if (err)
		return err;
	range = malloc_range__from(areas.ranges, areas.range_cnt, object);
	return range && range->start <= object ? 0 : -ENODATA;
}

static int locate(struct target_heaps *heaps, const struct heap_context *context,
		  struct failure *failure)
{
	struct glibc_heap *heap;
	int err;

	if (context->python->free_threaded)
		return failure__set(failure, -ENODATA,
				    "process %d (%s): a free-threaded build of CPython does not "
				    "allocate objects with malloc",
				    context->target->pid, context->target->comm);
	/* Beside another heap, it need not be there. */
	err = heaps->cnt ? 0 : look_for_objects(context);
	if (err)
		return describe_error(context, err, failure);
	heap = calloc(1, sizeof(*heap));
	if (!heap)
		return describe_error(context, -ENOMEM, failure);
	heap->base = (struct target_heap){
		.allocator = &glibc_malloc,
		.context = *context,
		.layout = malloc_layout,
	};
	err = target_heaps__add(heaps, &heap->base);
	return err ? describe_error(context, err, failure) : 0;
}

static int update(struct target_heap *target_heap, struct heap *image,
		  const struct checkpoint_options *options, struct checkpoint_counts *counts,
		  struct failure *failure)
{
	struct glibc_heap *heap = glibc_heap_of(target_heap);
	const struct heap_context *context = &target_heap->context;
	int err = target__reload_maps(context->target, failure);

	(void)counts;
	if (err)
		return err;
	mallocs__release(&heap->mallocs);
	heap->is_read = false;
	heap__clear(image);
	err = mallocs__read(&heap->mallocs, image, context->target, options->other);
	if (err) {
		mallocs__release(&heap->mallocs);
		return describe_error(context, err, failure);
	}
	heap->is_read = true;
	return 0;
}

/* Its chunks are read again only all together. */
static int reread(const struct target_heap *target_heap, struct heap *heap, const uint64_t *spans,
		  size_t cnt, struct checkpoint_counts *counts)
{
	(void)target_heap;
	(void)heap;
	(void)spans;
	(void)cnt;
	(void)counts;
	return 0;
}

const struct mallocs *glibc_malloc__mallocs(const struct target_heap *target_heap)
{
	const struct glibc_heap *heap = (const struct glibc_heap *)target_heap;

	return target_heap->allocator == &glibc_malloc && heap->is_read ? &heap->mallocs : NULL;
}

const struct allocator glibc_malloc = {
	.name = "malloc",
	.debug_name = "malloc_debug",
	.locate = locate,
	.free = free_heap,
	.update = update,
	.reread = reread,
};
