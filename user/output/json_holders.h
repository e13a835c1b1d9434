/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <jansson.h>

#include "analysis/advice.h"
#include "analysis/arena_report.h"
#include "analysis/census_kinds.h"
#include "analysis/pin_holders.h"
#include "output/json_stream.h"

/* The rankings, as "holders". */
void json_holders__write(struct json_stream *stream, const struct census *census,
			 const struct pin_holders *holders);

/* All about one arena, as "arena". */
void json_holders__write_arena(struct json_stream *stream, const struct census *census,
			       const struct arena_report *arena);

/* What would help. */
json_t *json_holders__advices(const struct advices *advices);

/*
 * Adds to *block, that is listed as number @index, its value and the way to it; as
 * json_values__set().
 */
void json_holders__add_story(json_t **block, const struct pin_holders *holders, size_t index);
