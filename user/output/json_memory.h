/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of a process by use, as JSON. Functions return new references, or NULL when out of
 * memory.
 */
#pragma once

#include <jansson.h>

#include "analysis/memory_use.h"
#include "analysis/outside_objects.h"
#include "analysis/top_owners.h"
#include "census/census.h"

json_t *json_memory__share(const struct memory_share *share);
json_t *json_memory__report(const struct memory_use *use, double age_s);
/* What is in the chunks that pin the tops of malloc's arenas. A new reference. */
json_t *json_memory__tops(const struct census *census, const struct top_owners *tops);

/* @in_use_bytes: what malloc has in use. */
json_t *json_memory__outside(const struct census *census, const struct outside_objects *objects,
			     uint64_t in_use_bytes);
