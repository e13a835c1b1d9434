/* SPDX-License-Identifier: BSD-2-Clause */
/* What is in the heap, for a report: the rows of a census, and names for their kinds. */
#pragma once

#include <stddef.h>

#include "census/census.h"
#include "census/referrers.h"

struct census_report {
	struct census *census;
	enum census_by by;	    /* how the rows are grouped */
	struct referrers referrers; /* for BY_REFERRERS and BY_VIA */
	const char *since;	    /* a database whose blocks are not counted; NULL: none */
	uint64_t hidden_blocks;	    /* not counted for that reason */
	struct census_rows rows;
	size_t top; /* how many rows to show, those with the most bytes */
};

/* Names of the groupings, on the command line and in reports. */
extern const char *const census_by_names[CENSUS_BY_CNT];

/* "object", "parked", "buffer", "unknown" or "free". */
const char *census_kinds__role(uint32_t kind);
/*
 * For a buffer: "items", "keys", "values", "table" or "buffer"; for an instance's dict: "dict"; for
 * the buffers of that dict: "dict keys" and so on; for keys on a free list: "keys"; else NULL.
 */
const char *census_kinds__part(uint32_t kind);
/*
 * The name of the type; for a buffer, of its object's; for an instance's dict, of the instance's.
 * NULL: not known.
 */
const char *census_kinds__type(const struct census *census, uint32_t kind);

/*
 * Describes a kind: "dict", "free-listed tuple", "keys of dict", "unknown"; truncated to @size
 * bytes, at a whole character. Names are as in the target, and not made safe to print.
 */
void census_kinds__describe(const struct census *census, uint32_t kind, char *text, size_t size);

/* Describes what a row contains; as above. */
void census_kinds__describe_row(const struct census_report *report, const struct census_row *row,
				char *text, size_t size);

/* Describes item @index of the row's set; as above. */
void census_kinds__describe_item(const struct census_report *report, const struct census_row *row,
				 uint32_t index, char *text, size_t size);
