/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The size classes of a tcmalloc: a table of 32 bit numbers in its static data, which begins with
 * 0, 8, 16, 32, 48, 64, 80, 96 in all builds, and ends with 0.
 *
 * Source: gperftools 2.10, src/common.h (class_to_size_) and common.cc; found in 2.8.1 to 2.18.1.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "target/target.h"

#define TCMALLOC_CLASSES_MAX 256

struct tcmalloc_classes {
	uint32_t bytes[TCMALLOC_CLASSES_MAX]; /* of a block in each class */
	size_t cnt;			      /* 0: not found */
};

/*
 * Finds the table in the static data of @file, one of the maps of @target. Returns 0, -EDQUOT,
 * -ENOMEM, or as memory__read_ranges().
 */
int tcmalloc_classes__find(struct tcmalloc_classes *out, const struct target *target,
			   const struct mapping *file);
