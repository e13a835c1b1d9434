/* SPDX-License-Identifier: BSD-2-Clause */
/* What is in the heap, as JSON. New references, or NULL when out of memory. */
#pragma once

#include <jansson.h>

#include "analysis/census_kinds.h"
#include "output/json_stream.h"

/* All rows, as "census". */
void json_census__write(struct json_stream *stream, const struct census_report *report);

/* A kind: what role it has, of which type, which part. */
json_t *json_census__kind(const struct census *census, uint32_t kind);

/* What the block at @address is. */
json_t *json_census__block(const struct census *census, uint64_t address);
