// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/glibc_malloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "malloc/malloc_layout.h"
#include "target/shortage.h"
#include "util/account.h"

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

static int locate(struct target_heaps *heaps, const struct heap_context *context,
		  struct failure *failure)
{
	struct glibc_heap *heap;
	int err;

	if (!heaps->cnt)
		return failure__set(
			failure, -ENODATA,
			"process %d (%s): pyfrag reads malloc only if the process also has "
			"arenas of pymalloc",
			context->target->pid, context->target->comm);
	heap = calloc(1, sizeof(*heap));
	if (!heap)
		return describe_error(context, -ENOMEM, failure);
	heap->base = (struct target_heap){
		.allocator = &glibc_malloc,
		.context = *context,
		.layout = malloc_layout,
		.name = glibc_malloc.name,
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
	.locate = locate,
	.free = free_heap,
	.update = update,
	.reread = reread,
};
