/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What keeps an object alive: the shortest path to it from a root, and the names along the path.
 * Paths from modules take precedence over those from local variables, and so on in the order of
 * enum root_kind.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "census/references.h"
#include "census/roots.h"

/* One step of a path: how the node before refers to this one. */
struct retention_step {
	uint32_t node;
	struct reference reference;
};

/* Only the end of a longer path is shown: a linked list makes a path as long as the list. */
#define RETENTION_STEPS_MAX 64

struct retention_path {
	const struct root *root; /* NULL: the beginning is not shown, or there is no path */
	/* From the root, or from where the shown part begins; the first step has no reference. */
	struct retention_step *steps;
	size_t step_cnt; /* 0: no root leads there */
};

struct retention;

/*
 * @graph and @roots must outlive *out. Returns 0, -ENOMEM, -EDQUOT or -ETIME. The caller frees
 * *out.
 */
int retention__new(struct retention **out, const struct graph *graph, const struct roots *roots);
void retention__free(struct retention *retention);
void retention__freep(struct retention **retention);

/* What precedes a node on its path. */
enum retention_end {
	RETENTION_NONE, /* no root leads there */
	RETENTION_OBJECT,
	RETENTION_ROOT,
};

/* Sets *holder to the node before @node, or *root to the index of the root that refers to it. */
enum retention_end retention__holder(const struct retention *retention, uint32_t node,
				     uint32_t *holder, uint32_t *root);

bool retention__is_reached(const struct retention *retention, uint32_t node);

/*
 * Reads by what names each of @nodes is reached, from the nodes on its path. A node on several
 * paths is read once. Returns 0, -ENOMEM, -EDQUOT or as memory__read_ranges().
 */
int retention__learn(struct retention *retention, const uint32_t *nodes, size_t cnt);

/*
 * The path to @node, with the names that were learned. Where there is none (or the target no longer
 * refers to the next node), the step is by a word, at UINT32_MAX. Returns 0, -ENOMEM or -EDQUOT.
 * The caller releases *out.
 */
int retention__path(const struct retention *retention, uint32_t node, struct retention_path *out);
void retention_path__release(struct retention_path *path);

/*
 * Finds what only @node keeps alive, including itself: bits by node. The caller frees *out. What no
 * root leads to counts as kept alive by what refers to it. Returns 0, -ENOMEM, -EDQUOT or -ETIME.
 */
int retention__dominated(const struct retention *retention, uint32_t node, uint8_t **out);
