/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <jansson.h>

#include "analysis/advice.h"
#include "analysis/arena_report.h"
#include "analysis/census_kinds.h"
#include "analysis/pin_holders.h"
#include "output/json_stream.h"

/* Writes the rankings, as "holders". */
void json_holders__write(struct json_stream *stream, const struct census *census,
			 const struct pin_holders *holders);

/* Writes everything about one arena, as "arena". */
void json_holders__write_arena(struct json_stream *stream, const struct census *census,
			       const struct arena_report *arena);

/* Advice on what to change. */
json_t *json_holders__advices(const struct advices *advices);

/*
 * Adds to *block, number @index in the list of pinning blocks, its value and the path that keeps it
 * alive; failures as in json_values__set().
 */
void json_holders__add_story(json_t **block, const struct pin_holders *holders, size_t index);
