/* SPDX-License-Identifier: BSD-2-Clause */
/* The contents of the heap as JSON. Functions return new references, or NULL when out of memory. */
#pragma once

#include <jansson.h>

#include "analysis/census_kinds.h"
#include "output/json_stream.h"

/* Writes all rows, as "census". */
void json_census__write(struct json_stream *stream, const struct census_report *report);

/* A kind: its role, its type and its part. */
json_t *json_census__kind(const struct census *census, uint32_t kind);

/* What the block at @address contains. */
json_t *json_census__block(const struct census *census, uint64_t address);
