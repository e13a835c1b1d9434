/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The live blocks in pinned arenas, and rankings of them. The hostage bytes of an arena are divided
 * equally among the live blocks in it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "census/census.h"
#include "heap/pinned.h"
#include "util/id_table.h"

/* How many blocks are considered, beginning with the arenas that have the fewest. */
#define PIN_BLOCKS_MAX (1UL << 17)

struct pin {
	uint32_t place; /* index in the census */
	uint32_t arena; /* index of its pinned arena; pins are in the order of arenas */
	double hostage_bytes;
	double freed_bytes; /* of these; the rest is in pools that were never used */
};

struct pins {
	struct pin *items;
	size_t cnt, capacity;
	uint64_t unseen_blocks; /* beyond PIN_BLOCKS_MAX */
};

/*
 * Finds the live blocks of @pinned; @census is one of the same heap. Returns 0, -EDQUOT or -ENOMEM.
 * The caller releases *out.
 */
int pins__find(struct pins *out, const struct census *census, const struct pinned *pinned);
void pins__release(struct pins *pins);

/* Blocks that are counted together. */
struct pin_row {
	uint32_t kind; /* of the blocks; of the first one if is_mixed */
	bool is_mixed; /* by path: the blocks are of several kinds */
	/* By path: the path to the blocks, without keys and indexes; NULL: no root leads there. */
	char *path;
	bool is_free_listed; /* by path, which is NULL: the blocks are on Python's free lists */
	uint64_t blocks, bytes;
	double hostage_bytes, freed_bytes; /* as in struct pin */
};

struct pin_ranking {
	struct pin_row *rows; /* most hostage bytes first, once sorted */
	size_t cnt, capacity;
	struct id_table ids;	 /* needed while rows are counted */
	struct account *account; /* pays for the memory; set before anything is counted */
};

void pin_ranking__release(struct pin_ranking *ranking);

/* Counts @pin in the row of @kind. Returns 0, -EDQUOT or -ENOMEM. */
int pin_ranking__count_kind(struct pin_ranking *ranking, uint32_t kind, const struct pin *pin,
			    uint32_t block_bytes);

/*
 * Counts @pin, a block of @kind, in the row of @path, which is copied. Blocks on a free list have a
 * row apart from other blocks that no root leads to. Returns 0, -EDQUOT or -ENOMEM.
 */
int pin_ranking__count_path(struct pin_ranking *ranking, const char *path, uint32_t kind,
			    const struct pin *pin, uint32_t block_bytes);
void pin_ranking__sort(struct pin_ranking *ranking);

/* The kind of a place of @census, as @by groups it: BY_TYPE or BY_OWNER. */
uint32_t pin_ranking__kind(const struct census *census, uint32_t place, enum census_by by);

/*
 * Ranks all @pins by their kinds, sorted. Returns 0, -EDQUOT or -ENOMEM. The caller releases *out.
 */
int pin_ranking__by_kind(struct pin_ranking *out, const struct pins *pins,
			 const struct census *census, enum census_by by);
