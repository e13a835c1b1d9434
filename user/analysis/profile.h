/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A profile: Python stacks, and what each of them has to answer for. It does not know where they
 * come from, and it is written down by others (collapsed.h, pprof.h).
 *
 * Everything is held once and named by its place: a stack is a run of locations, a location a line
 * of a function, a function two strings. That is pprof's own shape, so writing one is hardly more
 * than copying.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/id_table.h"
#include "util/string_table.h"

/* What is known of each stack. */
enum profile_value {
	PROFILE_LIVE_BYTES,    /* of blocks allocated there that are alive */
	PROFILE_LIVE_BLOCKS,   /* how many they are, estimated */
	PROFILE_HOSTAGE_BYTES, /* what those of them hold back that pin an arena */
	PROFILE_GROWN_BYTES,   /* pools and arenas taken there, times their size */
	PROFILE_VALUE_CNT,
};

/* How the values are called in what is written, and in what they are counted. */
struct profile_value_type {
	const char *name, *unit;
};

extern const struct profile_value_type profile_value_types[PROFILE_VALUE_CNT];

enum profile_frame_kind {
	PROFILE_FRAME_PYTHON,
	PROFILE_FRAME_NATIVE,
	PROFILE_FRAME_MARK, /* no frame, but a word on the stack: it was cut off, there is none */
};

/* A frame as it is given. */
struct profile_frame {
	const char *function, *file; /* NULL or empty: not known */
	int32_t line;		     /* below 1: not known */
	enum profile_frame_kind kind;
};

struct profile_info {
	int32_t pid;
	const char *comm, *python_version;
	int64_t time_ns;      /* when it began, since 1970 */
	int64_t duration_ns;  /* 0: a moment */
	int64_t sample_bytes; /* mean distance of two samples; 0: every event was seen */
};

/* Numbers that name something here are places in one of the arrays below. */
struct profile_function {
	uint32_t name, file; /* strings */
	uint32_t kind;	     /* enum profile_frame_kind */
};

struct profile_location {
	uint32_t function;
	int32_t line; /* 0: not known */
};

struct profile_stack {
	size_t first, cnt; /* in stack_locations, innermost first; never none */
	int64_t values[PROFILE_VALUE_CNT];
};

/* For all to read, and for profile__add() to change. */
struct profile {
	struct profile_info
		info; /* its numbers may be set at any time; its strings belong to the profile */
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
 * A profile whose memory comes from @account. Copies the strings of @info. Returns 0, -EDQUOT or
 * -ENOMEM; the caller frees the profile.
 */
int profile__new(struct profile **out, const struct profile_info *info, struct account *account);
void profile__free(struct profile *profile);
void profile__freep(struct profile **profile);

/*
 * Adds @values to those of a stack, given innermost frame first. A stack that is @truncated lacks
 * outer frames, and gets the mark "[truncated]" for its outermost; one of no frames is the mark
 * "[no stack]". A function without a name becomes "[unknown]". Texts may hold anything: what is no
 * UTF-8 or a control character is replaced (see util/text.h).
 *
 * Returns 0, -EDQUOT, -ENOMEM, or -EOVERFLOW if a sum does not fit; then no value has changed.
 */
int profile__add(struct profile *profile, const struct profile_frame *frames, size_t frame_cnt,
		 bool truncated, const int64_t values[PROFILE_VALUE_CNT]);
