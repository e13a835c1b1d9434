/* SPDX-License-Identifier: BSD-2-Clause */
/* Allocators other than glibc's malloc as JSON. */
#pragma once

#include <jansson.h>

#include "analysis/other_malloc_use.h"

json_t *json_other_mallocs__report(const struct other_mallocs *mallocs,
				   const struct memory_use *use);
json_t *json_loaded_mallocs__report(const struct loaded_mallocs *mallocs);
