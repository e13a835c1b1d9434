// SPDX-License-Identifier: BSD-2-Clause
#include "source/allocators.h"

#include "malloc/glibc_malloc.h"
#include "pymalloc/pymalloc.h"

const struct allocator *const allocators[] = {
	&pymalloc,
	&glibc_malloc,
	NULL,
};

const struct allocator *const followed_allocators[] = {
	&pymalloc,
	NULL,
};

const struct allocator *const unfollowed_allocators[] = {
	&glibc_malloc,
	NULL,
};
