// SPDX-License-Identifier: BSD-2-Clause
/*
 * Interpreters with allocators of their own (PyInterpreterConfig.use_main_obmalloc = 0, since
 * 3.12). The offset of the allocator in PyInterpreterState is not known in advance. It is
 * determined from the main interpreter, whose allocator is known; all others have theirs at the
 * same offset.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "pymalloc/locate.h"
#include "pymalloc/used_pools.h"
#include "util/cleanup.h"

#define PIECE_BYTES	     4096
#define USED_POOLS_BYTES_MAX (SIZE_CLASSES_MAX * sizeof(struct used_pools_pair))
/* PyInterpreterState is 375 KB in 3.12, 195 KB in 3.13. */
#define INTERPRETER_BYTES_MAX (1UL << 20)

/* Where PyInterpreterState has its allocator state. */
struct state_place {
	uint64_t offset;
	bool inlined; /* 3.12: the state itself is at the offset; later: a pointer to it */
};

/*
 * 3.12: the table is part of the structure. (In 3.13 both are static and may be adjacent, as if one
 * contained the other, so this applies only if there is no pointer.)
 */
static bool find_inlined(uint64_t main_table, const uint64_t *interpreters, size_t cnt,
			 struct state_place *place)
{
	for (size_t i = 0; i < cnt; i++) {
		if (main_table - interpreters[i] >= INTERPRETER_BYTES_MAX)
			continue;
		*place = (struct state_place){.offset = main_table - interpreters[i],
					      .inlined = true};
		return true;
	}
	return false;
}

/*
 * Since 3.13: the structure points to the table. (In 3.12 it contains the table, where the entry of
 * an empty class points to a nearby address.) Returns 0, -ENOENT, or negative errno of reading.
 */
static int find_pointer(uint64_t main_table, uint64_t interpreter, const struct memory *memory,
			struct state_place *place)
{
	uint64_t words[PIECE_BYTES / sizeof(uint64_t)];

	for (uint64_t at = 0; at < INTERPRETER_BYTES_MAX; at += PIECE_BYTES) {
		int err = memory__read(memory, interpreter + at, words, sizeof(words));

		if (err)
			return err == -EFAULT ? -ENOENT : err;
		for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
			uint64_t word_at = interpreter + at + i * sizeof(words[0]);

			if (words[i] != main_table || word_at - main_table < USED_POOLS_BYTES_MAX)
				continue;
			*place = (struct state_place){.offset = at + i * sizeof(words[0])};
			return 0;
		}
	}
	return -ENOENT;
}

static int find_place(uint64_t main_table, const uint64_t *interpreters, size_t cnt,
		      const struct memory *memory, struct state_place *place)
{
	/* The main interpreter is the oldest and comes last. */
	int err = find_pointer(main_table, interpreters[cnt - 1], memory, place);

	if (err == -ENOENT && find_inlined(main_table, interpreters, cnt, place))
		return 0;
	return err;
}

/*
 * Finds the allocator of one interpreter. -ENOENT: it has none of its own; -EAGAIN: it cannot be
 * read now, because it is changing or its interpreter has just ended. A table without a pool in use
 * is valid: an interpreter that has freed all blocks, and has yet to unmap its arenas, has such a
 * one.
 */
static int find_own(const struct obmalloc *obmalloc, uint64_t interpreter,
		    const struct state_place *place, const struct memory *memory,
		    unsigned int *retries, struct obmalloc_state *out)
{
	struct used_pools table = {.address = interpreter + place->offset,
				   .class_cnt = geometry__class_cnt(&obmalloc->geometry)};
	struct used_pools_evidence evidence;
	int err;

	if (!place->inlined) {
		err = memory__read(memory, table.address, &table.address, sizeof(table.address));
		if (err)
			return err == -EFAULT ? -EAGAIN : err;
	}
	if (!table.address || table.address == obmalloc->items[0].used_pools)
		return -ENOENT;
	/* The interpreter is evidence enough where the pools are swapped out. */
	err = used_pools__check(&table, &evidence, memory, retries);
	if (err && err != -ENODATA)
		return err == -ENOENT ? -EAGAIN : err;
	if (!err && evidence.witness_cnt &&
	    evidence.geometry.pool_size != obmalloc->geometry.pool_size)
		return -EAGAIN;
	/* struct _obmalloc_state: pools.used[], followed directly by mgmt.arenas. */
	*out = (struct obmalloc_state){
		.used_pools = table.address,
		.arenas_at = {table.address + table.class_cnt * sizeof(table.pairs[0])},
		.arenas_at_cnt = 1,
		.may_be_unused = true,
	};
	return 0;
}

int obmalloc__add_interpreters(struct obmalloc *obmalloc, const uint64_t *interpreters, size_t cnt,
			       const struct memory *memory, uint64_t *skipped)
{
	unsigned int retries = USED_POOLS_RETRIES_MAX;
	struct state_place place;
	struct obmalloc_state *items;
	int err;

	obmalloc->cnt = 1;
	if (cnt < 2)
		return 0;
	err = find_place(obmalloc->items[0].used_pools, interpreters, cnt, memory, &place);
	if (err == -ENOENT)
		*skipped += cnt - 1;
	if (err)
		return err == -ENOENT ? 0 : err;
	items = realloc(obmalloc->items, (cnt + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	obmalloc->items = items;
	for (size_t i = 0; i < cnt; i++) {
		err = find_own(obmalloc, interpreters[i], &place, memory, &retries,
			       &items[obmalloc->cnt]);
		if (!err)
			obmalloc->cnt++;
		else if (err == -EAGAIN)
			(*skipped)++;
		else if (err != -ENOENT)
			return err;
	}
	return 0;
}
