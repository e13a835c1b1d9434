/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree of dominators with objects that are alike in one group: those at the same path
 * (folded_paths.h) whose dominators are in the same group. What a group retains is the sum of what
 * its members have and of what the groups below it retain, so that each byte is in one group.
 *
 * Members that objects of several groups hold are in a group below the one that dominates them all:
 * the group is shared.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "census/folded_paths.h"
#include "census/retained.h"

#define GROUP_ROOT 0 /* above the groups of all roots; has no members */

struct group_sum {
	uint64_t cnt;		/* blocks and objects */
	uint64_t bytes;		/* in all */
	uint64_t outside_bytes; /* of these, outside of arenas */
};

struct retained_group {
	uint32_t parent; /* a group with a lower number */
	uint32_t path;	 /* PATH_NONE: GROUP_ROOT */
	uint32_t type;	 /* of all members, or TYPE_NONE */
	bool is_shared;
	uint32_t child_cnt;
	uint64_t member_cnt;	   /* objects at the path itself, without their parts */
	struct group_sum own;	   /* of the members and their parts */
	struct group_sum retained; /* also of the groups below */
};

struct retained_groups {
	const struct folded_paths *paths;
	struct retained_group *groups;
	size_t cnt, capacity;
	uint32_t *of_nodes;   /* the group of each node; GROUP_NONE: no root leads there */
	uint32_t interned;    /* as in struct retained */
	uint64_t refused_cnt; /* nodes left in the group above: too many groups */
};

#define GROUP_NONE UINT32_MAX

/*
 * @outside_bytes: as retained__find(). Uses up @retained, which is empty then: its memory becomes
 * that of the groups. @paths must outlive *out. Returns 0, -ENOMEM, -EDQUOT or
 * -ETIME. The caller releases *out.
 */
int retained_groups__find(struct retained_groups *out, struct retained *retained,
			  const struct folded_paths *paths, const uint64_t *outside_bytes);
void retained_groups__release(struct retained_groups *groups);

/* Whether @group is @above or a group below it. */
bool retained_groups__is_within(const struct retained_groups *groups, uint32_t group,
				uint32_t above);
