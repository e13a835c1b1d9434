// SPDX-License-Identifier: BSD-2-Clause
#include "stub_allocator.h"

#include <errno.h>

static int locate(struct target_heaps *heaps, const struct heap_context *context,
		  struct failure *failure)
{
	(void)heaps;
	(void)context;
	return failure__set(failure, -ENODATA, "no heap of the stub");
}

const struct allocator stub_allocator = {
	.name = "stub",
	.locate = locate,
};
