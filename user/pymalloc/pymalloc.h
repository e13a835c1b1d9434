/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pymalloc, CPython's allocator of objects of up to 512 bytes, behind the operations that all
 * allocators have. A target has one such heap, that of all its interpreters together.
 */
#pragma once

#include "heap/allocator.h"

extern const struct allocator pymalloc;
