/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pymalloc, CPython's allocator for objects of up to 512 bytes, behind the operations that all
 * allocators share. A target has one such heap, for all its interpreters together.
 */
#pragma once

#include "heap/allocator.h"

extern const struct allocator pymalloc;
