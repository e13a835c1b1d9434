/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The smallest allocator: it finds no heap in any target. What a new allocator has to provide at
 * least (docs/code.md), compiled and asked with every run of the unit tests.
 */
#pragma once

#include "heap/allocator.h"

extern const struct allocator stub_allocator;
