/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is in the heap, for a report: the rows of a census and the names of their kinds.
 */
#pragma once

#include <stddef.h>

#include "census/census.h"
#include "census/referrers.h"

struct census_report {
	struct census *census;
	enum census_by by;	    /* what the rows are by */
	struct referrers referrers; /* by referrers or by via: found by that */
	const char *since;	    /* the database whose blocks are not counted; NULL: none */
	uint64_t hidden_blocks;	    /* for being in there */
	struct census_rows rows;
	size_t top; /* so many rows are shown, of those with most bytes */
};

/* Their words, on the command line and in reports. */
extern const char *const census_by_names[CENSUS_BY_CNT];

/* "object", "parked", "buffer" or "unknown" */
const char *census_kinds__role(uint32_t kind);
/*
 * Of a buffer: "items", "keys", "values", "table" or "buffer"; of an instance's dict "dict", of
 * that one's buffers "dict keys" and so on; else NULL.
 */
const char *census_kinds__part(uint32_t kind);
/*
 * The name of the type: of a buffer its object's, of an instance's dict the instance's. NULL:
 * unknown.
 */
const char *census_kinds__type(const struct census *census, uint32_t kind);

/*
 * A kind in words: "dict", "parked tuple", "keys of dict", "unknown"; cut off where @size bytes are
 * too few. Names are as the target has them, and not made safe to print.
 */
void census_kinds__describe(const struct census *census, uint32_t kind, char *text, size_t size);

/* What a row is of, in words; as above. */
void census_kinds__describe_row(const struct census_report *report, const struct census_row *row,
				char *text, size_t size);

/* The @index-th of what the set of a row has in it, in words; as above. */
void census_kinds__describe_item(const struct census_report *report, const struct census_row *row,
				 uint32_t index, char *text, size_t size);
