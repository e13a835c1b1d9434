/* SPDX-License-Identifier: BSD-2-Clause */
/* Who else holds the members of shared groups (retained_groups.h). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "census/folded_paths.h"
#include "census/retained_groups.h"

#define HOLDERS_MAX 4

/* A path that leads to members of a group. */
struct holder {
	uint32_t path; /* of the objects that refer to them */
	struct folded_step step;
};

struct group_holders {
	uint32_t group;
	struct holder holders[HOLDERS_MAX]; /* those with the most references first */
	uint32_t cnt;
	bool has_more;
};

/*
 * Finds holders of @items[].group, in ascending order, other than that on the group's own path. The
 * references are those of @groups->paths->graph. Returns 0, -ENOMEM, -EDQUOT or -ETIME.
 */
int retained_holders__find(struct group_holders *items, size_t cnt,
			   const struct retained_groups *groups);
