/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What keeps an object alive: the shortest way to it from a root, and by what names. Ways from
 * modules go before those from local variables, and so on in the order of enum root_kind.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "census/references.h"
#include "census/roots.h"

/* One step on the way: how the node before refers to this one. */
struct retention_step {
	uint32_t node;
	struct reference reference;
};

/* Of longer ways only the end is shown: a linked list makes them as long as it is. */
#define RETENTION_STEPS_MAX 64

struct retention_path {
	const struct root
		*root; /* NULL: the way is longer than what is shown of it, or there is none */
	/* From the root on, or from where it is shown; the first has no reference. */
	struct retention_step *steps;
	size_t step_cnt; /* 0: no root leads there */
};

struct retention;

/* Both must outlive it. Returns 0 or -ENOMEM; the caller frees it. */
int retention__new(struct retention **out, const struct graph *graph, const struct roots *roots);
void retention__free(struct retention *retention);
void retention__freep(struct retention **retention);

/* What is before a node on the way to it. */
enum retention_end {
	RETENTION_NONE, /* no root leads there */
	RETENTION_OBJECT,
	RETENTION_ROOT,
};

/* *holder: the node before @node, or *root: which of the roots it is referred to from. */
enum retention_end retention__holder(const struct retention *retention, uint32_t node,
				     uint32_t *holder, uint32_t *root);

bool retention__is_reached(const struct retention *retention, uint32_t node);

/*
 * Reads by what names one gets to each of @nodes, from those that are on the way; what is on
 * several ways is read once. Returns 0, -ENOMEM or as memory__read_ranges().
 */
int retention__learn(struct retention *retention, const uint32_t *nodes, size_t cnt);

/*
 * The way to @node, with the names that were learned: where there is none (or the target does not
 * refer to the next node any more) it is by a word at UINT32_MAX. Returns 0 or -ENOMEM; the caller
 * releases.
 */
int retention__path(const struct retention *retention, uint32_t node, struct retention_path *out);
void retention_path__release(struct retention_path *path);

/*
 * What only @node keeps alive, itself among them: a bit by node; the caller frees it. What no root
 * leads to counts as kept by what it is referred to from. Returns 0 or -ENOMEM.
 */
int retention__dominated(const struct retention *retention, uint32_t node, uint8_t **out);
