// SPDX-License-Identifier: BSD-2-Clause
#include "source/allocators.h"

#include "pymalloc/pymalloc.h"

const struct allocator *const allocators[] = {
	&pymalloc,
	NULL,
};
