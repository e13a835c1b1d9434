/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What holds the memory in use, as a user reads it: the larger groups of retained_groups.h, each
 * below the one that dominates it, with their paths.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "census/retained.h"
#include "census/retained_groups.h"
#include "census/retained_holders.h"

/* Groups that retain less than one part in so many are summed up. */
#define RETAINED_SHARE	  100
#define RETAINED_ROWS_MAX 1000

struct retained_row {
	/* NULL: the other groups below the row before with a lower depth. */
	char *path;
	uint32_t depth;
	/* For the others: only @retained and @group_cnt are set. */
	struct group_sum own, retained;
	uint64_t member_cnt; /* objects at the path */
	uint32_t type;	     /* of all of these, or TYPE_NONE */
	uint32_t group_cnt;  /* of the others */
	bool is_repeated;    /* also what is reached by repeating a step: ".next.next" */
	/* Only one row is directly below, and retains almost as much. It has the same depth. */
	bool is_passed;
	/*
	 * Not only @path leads to the members, so they are below what dominates all their holders.
	 * The other paths; also @path, if several objects there hold the same.
	 */
	bool is_shared;
	char *holders[HOLDERS_MAX];
	uint32_t holder_cnt;
	bool has_more_holders;
	/* A frame or library that may hold the one member, too, by a word that may be stale. */
	char *possible_holder;
};

struct retained_tree {
	struct retained_row *rows; /* a row is followed by those below it, most bytes first */
	size_t cnt, capacity;
	/* As in struct retained. */
	struct retained_sum total, free_listed, unreached;
	uint64_t unowned_bytes;
	/*
	 * Objects that were left at the path or in the group above, since there are too many of
	 * these; and rows left out beyond RETAINED_ROWS_MAX.
	 */
	uint64_t refused_cnt;
};

struct retained_tree_options {
	uint32_t depth; /* of rows, at most */
	bool no_values; /* leave out keys of dicts */
};

/*
 * Makes the tree of a graph with vias. @outside_bytes: as retained__find(). Returns 0, -ENOMEM,
 * -EDQUOT, -ETIME, -EFBIG or as memory__read(). The caller releases *out.
 */
int retained_tree__make(struct retained_tree *out, const struct graph *graph,
			const struct roots *roots, const struct retention *retention,
			const uint64_t *outside_bytes, const struct retained_tree_options *options);
void retained_tree__release(struct retained_tree *tree);
