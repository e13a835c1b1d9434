/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The live blocks in pinned arenas, and rankings of them. An arena's hostage bytes fall to the
 * blocks in it in equal parts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "census/census.h"
#include "heap/pinned.h"
#include "util/id_table.h"

/* So many blocks are looked at, of the arenas with the fewest first. */
#define PIN_BLOCKS_MAX (1UL << 17)

struct pin {
	uint32_t place; /* in the census */
	uint32_t arena; /* its index among the pinned ones; they come arena by arena */
	double hostage_bytes;
	double freed_bytes; /* of these; the others are in pools that nothing was in yet */
};

struct pins {
	struct pin *items;
	size_t cnt, capacity;
	uint64_t unseen_blocks; /* more than PIN_BLOCKS_MAX */
};

/*
 * Those of @pinned, by a census of the same heap. Returns 0, -EDQUOT or -ENOMEM; the caller
 * releases.
 */
int pins__find(struct pins *out, const struct census *census, const struct pinned *pinned);
void pins__release(struct pins *pins);

/* Blocks that have the same in common. */
struct pin_row {
	uint32_t kind; /* what they are; */
	bool is_mixed; /* by path: the first of them, and others are of other kinds */
	/* By path: the way to them without keys and indexes; NULL: no root leads there. */
	char *path;
	bool is_free_listed; /* by path, which is NULL: they are on Python's free lists */
	uint64_t blocks, bytes;
	double hostage_bytes, freed_bytes; /* as in struct pin */
};

struct pin_ranking {
	struct pin_row *rows; /* most hostage bytes first, once it is sorted */
	size_t cnt, capacity;
	struct id_table ids;	 /* while rows are counted */
	struct account *account; /* where its memory comes from; set before anything is counted */
};

void pin_ranking__release(struct pin_ranking *ranking);

/* Counts @pin among those of @kind. Returns 0, -EDQUOT or -ENOMEM. */
int pin_ranking__count_kind(struct pin_ranking *ranking, uint32_t kind, const struct pin *pin,
			    uint32_t block_bytes);

/*
 * Counts @pin, which is of @kind, among those of a path, which is copied. What is on a free list
 * has a row apart from what no root leads to. Returns 0, -EDQUOT or -ENOMEM.
 */
int pin_ranking__count_path(struct pin_ranking *ranking, const char *path, uint32_t kind,
			    const struct pin *pin, uint32_t block_bytes);
void pin_ranking__sort(struct pin_ranking *ranking);

/* What is at a place of @census, as @by counts it: BY_TYPE or BY_OWNER. */
uint32_t pin_ranking__kind(const struct census *census, uint32_t place, enum census_by by);

/*
 * All @pins of @census by their kinds, sorted. Returns 0, -EDQUOT or -ENOMEM; the caller releases.
 */
int pin_ranking__by_kind(struct pin_ranking *out, const struct pins *pins,
			 const struct census *census, enum census_by by);
