/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A profile: Python stacks, and values for each. It does not depend on where the stacks come from,
 * and other files write it (collapsed.h, pprof.h).
 *
 * Everything is stored once and referred to by its index: a stack is a run of locations, a location
 * is a line of a function, a function is two strings. That is the structure of pprof's format, so
 * writing it takes little more than copying.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/id_table.h"
#include "util/string_table.h"

/* The values of each stack. */
enum profile_value {
	PROFILE_LIVE_BYTES,    /* of live blocks that were allocated there */
	PROFILE_LIVE_BLOCKS,   /* how many these are, estimated */
	PROFILE_HOSTAGE_BYTES, /* what those of them hold back that pin an arena */
	PROFILE_GROWN_BYTES,   /* pools and arenas taken there, times their size */
	PROFILE_VALUE_CNT,
};

/* Names of the values in the output, and their units. */
struct profile_value_type {
	const char *name, *unit;
};

extern const struct profile_value_type profile_value_types[PROFILE_VALUE_CNT];

enum profile_frame_kind {
	PROFILE_FRAME_PYTHON,
	PROFILE_FRAME_NATIVE,
	PROFILE_FRAME_MARK, /* not a frame, but a remark on the stack: truncated, or none */
};

/* A frame, as passed in. */
struct profile_frame {
	const char *function, *file; /* NULL or empty: not known */
	int32_t line;		     /* below 1: not known */
	enum profile_frame_kind kind;
};

struct profile_info {
	int32_t pid;
	const char *comm, *python_version;
	int64_t time_ns;      /* start, in ns since 1970 */
	int64_t duration_ns;  /* 0: a single moment */
	int64_t sample_bytes; /* mean sampling interval, bytes; 0: every event was recorded */
};

/* Numbers that stand for something are indexes of the arrays below. */
struct profile_function {
	uint32_t name, file; /* strings */
	uint32_t kind;	     /* enum profile_frame_kind */
};

struct profile_location {
	uint32_t function;
	int32_t line; /* 0: not known */
};

struct profile_stack {
	size_t first, cnt; /* range in stack_locations, innermost first; never empty */
	int64_t values[PROFILE_VALUE_CNT];
};

/* Anyone may read it; only profile__add() changes it. */
struct profile {
	struct profile_info info;    /* numbers may be changed; the profile owns the strings */
	struct string_table strings; /* valid UTF-8, no control characters; the first is "" */
	struct profile_function *functions;
	struct profile_location *locations;
	uint32_t *stack_locations;
	struct profile_stack *stacks;
	size_t function_cnt, location_cnt, stack_location_cnt, stack_cnt;

	size_t function_capacity, location_capacity, stack_location_capacity, stack_capacity;
	struct id_table function_ids, location_ids, stack_ids;
	struct account *account;
};

/*
 * Creates a profile whose memory comes from @account. Copies the strings of @info. Returns 0,
 * -EDQUOT or -ENOMEM. The caller frees the profile.
 */
int profile__new(struct profile **out, const struct profile_info *info, struct account *account);
void profile__free(struct profile *profile);
void profile__freep(struct profile **profile);

/*
 * Adds @values to those of a stack, which is passed innermost frame first. A @truncated stack lacks
 * outer frames, and gets the mark "[truncated]" as its outermost one. A stack without frames
 * becomes the mark "[no stack]", a function without a name "[unknown]". Texts may contain anything:
 * invalid UTF-8 and control characters are replaced (see util/text.h).
 *
 * Returns 0, -EDQUOT, -ENOMEM, or -EOVERFLOW if a sum does not fit; then no value has changed.
 */
int profile__add(struct profile *profile, const struct profile_frame *frames, size_t frame_cnt,
		 bool truncated, const int64_t values[PROFILE_VALUE_CNT]);
