/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who else holds the members of groups (retained_groups.h): of shared ones, and of those that a
 * frame might hold, too.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "census/folded_paths.h"
#include "census/retained_groups.h"

#define HOLDERS_MAX 4

#define HOLDER_NONE UINT32_MAX

/* A path that leads to members of a group. */
struct holder {
	uint32_t root; /* the index of a root that refers to them; HOLDER_NONE: objects do */
	uint32_t path; /* of these objects */
	struct folded_step step;
};

struct group_holders {
	uint32_t group;
	struct holder holders[HOLDERS_MAX]; /* those with the most references first */
	uint32_t cnt;
	bool has_more;
	/* A root that may hold the only member, but is not counted (retained.h); or HOLDER_NONE. */
	uint32_t weak_root;
};

/*
 * Finds holders of @items[].group, in ascending order, other than those on the group's own path; or
 * on that path, if several are there. Returns 0, -ENOMEM, -EDQUOT or -ETIME.
 */
int retained_holders__find(struct group_holders *items, size_t cnt,
			   const struct retained_groups *groups);
