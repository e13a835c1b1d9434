// SPDX-License-Identifier: BSD-2-Clause
#include "pymalloc/locate.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pymalloc/used_pools.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/sleep.h"

#define ADDRESS_MIN    4096UL
#define ADDRESS_MAX    (1UL << 56)
#define ARENA_SIZE_MAX (64UL << 20)
/*
 * The target may change its arenas while they are read. Retries are limited to this number; the
 * wait between them starts at TRY_AGAIN_NS and doubles after every eight, a third of a second in
 * total. A thread in the middle of a change may have used up its container's CPU quota, and then
 * continues only after 100 ms or 250 ms.
 */
#define TRIES_MAX    56
#define TRY_AGAIN_NS 300000L
/* For the allocators of all other interpreters together. */
#define OTHER_TRIES_MAX (4 * TRIES_MAX)
/* How many of the words that passed all tests to try as the pointer to the arena array. */
#define CANDIDATES_TRIED_MAX 1024
/* How many words to test at a time against the pools in use, and how many at most in total. */
#define CANDIDATES_AT_A_TIME (1UL << 16)
#define CANDIDATES_MAX	     (1UL << 24)

/* Words of the data that could be pointers to the arena array, and their addresses. */
struct candidates {
	uint64_t *addresses, *values;
	size_t cnt, address_capacity, value_capacity;
	size_t settled_cnt; /* the first ones, which have passed all tests */
};

/* The search for the arena array: where, and with which evidence. */
struct arenas_search {
	const struct data_image *data;
	const struct target *target; /* NULL: no mappings to check against */
	const struct memory *memory;
	const struct used_pools_evidence *evidence;
	struct candidates candidates;
	size_t seen_cnt; /* candidates so far */
};

static void candidates__release(struct candidates *candidates)
{
	account__free(candidates->addresses);
	account__free(candidates->values);
}

/*
 * Whether a word of the data can be the address of the arena array, which is on the malloc heap
 * (Objects/obmalloc.c, new_arena()). Most words in a module's data point into the module itself or
 * are not addresses.
 */
static bool is_candidate(const struct arenas_search *search, uint64_t word)
{
	const struct mapping *mapping;

	if (word < ADDRESS_MIN || word % 8 || word >= ADDRESS_MAX ||
	    (word >= search->data->module_start && word < search->data->module_end))
		return false;
	if (!search->target)
		return true;
	mapping = target__find_mapping(search->target, word);
	return mapping && mapping->writable;
}

static int add_candidate(struct arenas_search *search, uint64_t address, uint64_t value)
{
	struct candidates *candidates = &search->candidates;
	struct account *account = search->memory->account;
	int err = ACCOUNT_RESERVE(account, candidates->addresses, candidates->address_capacity,
				  candidates->cnt + 1);

	if (!err)
		err = ACCOUNT_RESERVE(account, candidates->values, candidates->value_capacity,
				      candidates->cnt + 1);
	if (err)
		return err;
	candidates->addresses[candidates->cnt] = address;
	candidates->values[candidates->cnt++] = value;
	return 0;
}

/*
 * Drops unsettled candidates whose array, indexed as @witness says, has no arena around its pool.
 */
static int test_candidates(struct candidates *candidates, const struct pool_witness *witness,
			   const struct memory *memory)
{
	_cleanup_account_free_ struct memory_range *ranges = NULL;
	_cleanup_account_free_ uint64_t *arenas = NULL;
	size_t first = candidates->settled_cnt, cnt = candidates->cnt - first;
	int err;

	ranges = account__calloc(memory->account, cnt + 1, sizeof(*ranges));
	if (ranges)
		arenas = account__calloc(memory->account, cnt + 1, sizeof(*arenas));
	if (!arenas)
		return -errno;
	for (size_t i = 0; i < cnt; i++)
		ranges[i] = (struct memory_range){.address = candidates->values[first + i] +
							     (uint64_t)witness->arena_index *
								     sizeof(struct arena_object),
						  .buffer = &arenas[i],
						  .size = sizeof(arenas[i])};
	err = memory__read_ranges(memory, ranges, cnt);
	if (err)
		return err;
	candidates->cnt = first;
	for (size_t i = 0; i < cnt; i++) {
		if (ranges[i].failed || !arenas[i] || arenas[i] > witness->pool ||
		    witness->pool - arenas[i] >= ARENA_SIZE_MAX)
			continue;
		candidates->addresses[candidates->cnt] = candidates->addresses[first + i];
		candidates->values[candidates->cnt++] = candidates->values[first + i];
	}
	return 0;
}

static int settle_candidates(struct arenas_search *search)
{
	struct candidates *candidates = &search->candidates;
	int err = 0;

	for (size_t i = 0;
	     !err && i < search->evidence->witness_cnt && candidates->cnt > candidates->settled_cnt;
	     i++)
		err = test_candidates(candidates, &search->evidence->witnesses[i], search->memory);
	candidates->settled_cnt = candidates->cnt;
	return err;
}

static int look_for_arenas(const struct data_piece *piece, void *context)
{
	struct arenas_search *search = context;
	struct candidates *candidates = &search->candidates;
	int err = 0;

	for (size_t at = -piece->address & 7; !err && at < piece->size && at + 8 <= piece->extent;
	     at += 8) {
		uint64_t word;

		memcpy(&word, piece->bytes + at, sizeof(word));
		if (!is_candidate(search, word))
			continue;
		if (search->seen_cnt++ == CANDIDATES_MAX)
			return -E2BIG;
		err = add_candidate(search, piece->address + at, word);
		if (!err && candidates->cnt - candidates->settled_cnt == CANDIDATES_AT_A_TIME)
			err = settle_candidates(search);
	}
	return err;
}

/*
 * Stores in @allocator where the pointer to the arena array may be, and determines the arena size.
 */
static int try_candidates(struct obmalloc_state *allocator, struct geometry *geometry,
			  const struct candidates *candidates, const struct memory *memory)
{
	for (size_t i = 0; i < candidates->cnt && i < CANDIDATES_TRIED_MAX &&
			   allocator->arenas_at_cnt < ARRAY_SIZE(allocator->arenas_at);
	     i++) {
		struct arena_list list = {};
		size_t slot_cnt = 0;
		int err = arena_table__read(memory, candidates->values[i], geometry, &list,
					    &slot_cnt);

		account__free(list.items);
		if (err == -EUCLEAN || err == -EFAULT)
			continue;
		if (err)
			return err;
		allocator->arenas_at[allocator->arenas_at_cnt++] = candidates->addresses[i];
		log_debug("arenas at %#lx, found through %#lx", candidates->values[i],
			  candidates->addresses[i]);
	}
	return allocator->arenas_at_cnt ? 0 : -EAGAIN;
}

/* Finds the words that point to the arena array, and with it the arena size. */
static int find_arenas(struct obmalloc_state *allocator, struct used_pools_evidence *evidence,
		       const struct data_image *data, const struct target *target,
		       const struct memory *memory)
{
	struct arenas_search search = {.data = data,
				       .target = target,
				       .memory = memory,
				       .evidence = evidence};
	int err = data_image__visit(data, memory, look_for_arenas, &search);

	/* Over the limit, search among the candidates found so far. */
	if (!err || err == -E2BIG)
		err = settle_candidates(&search);
	if (!err)
		err = try_candidates(allocator, &evidence->geometry, &search.candidates, memory);
	candidates__release(&search.candidates);
	return err;
}

int obmalloc__locate(struct obmalloc *out, const struct data_image *data,
		     const struct target *target, const struct memory *memory)
{
	struct used_pools_evidence evidence;
	struct obmalloc_state allocator = {};
	struct used_pools table;
	int err;

	err = used_pools__find(&table, &evidence, data, memory);
	if (err)
		return err;
	log_debug("used pools at %#lx, %u size classes", table.address, table.class_cnt);
	if (!evidence.witness_cnt)
		return -ENODATA;
	allocator.used_pools = table.address;
	err = find_arenas(&allocator, &evidence, data, target, memory);
	/* The array may have moved since the mappings were read: search without them. */
	if (err == -EAGAIN && target)
		err = find_arenas(&allocator, &evidence, data, NULL, memory);
	if (err)
		return err;
	out->items = malloc(sizeof(*out->items));
	if (!out->items)
		return -ENOMEM;
	out->items[0] = allocator;
	out->cnt = 1;
	out->geometry = evidence.geometry;
	return 0;
}

void obmalloc__free(struct obmalloc *obmalloc)
{
	free(obmalloc->items);
	*obmalloc = (struct obmalloc){};
}

/*
 * Reads the arena array of one allocator through each word that may point to it, and keeps only the
 * words that point to the valid one. -EAGAIN: no word does at the moment.
 */
static int read_allocator(struct obmalloc_state *allocator, struct geometry *geometry,
			  const struct memory *memory, struct arena_list *list)
{
	uint64_t values[ARRAY_SIZE(allocator->arenas_at)], right = 0;
	size_t kept = 0;
	int err = -EAGAIN;

	for (size_t i = 0; i < allocator->arenas_at_cnt; i++) {
		int read_err = memory__read(memory, allocator->arenas_at[i], &values[i],
					    sizeof(values[i]));

		if (read_err)
			return read_err == -EFAULT ? -EAGAIN : read_err;
	}
	if (allocator->may_be_unused && !values[0])
		return 0;
	for (size_t i = 0; i < allocator->arenas_at_cnt && err; i++) {
		err = arena_table__read(memory, values[i], geometry, list, &allocator->slot_cnt);
		if (err && err != -EUCLEAN && err != -EFAULT)
			return err;
		right = values[i];
	}
	if (err)
		return -EAGAIN;
	for (size_t i = 0; i < allocator->arenas_at_cnt; i++)
		if (values[i] == right)
			allocator->arenas_at[kept++] = allocator->arenas_at[i];
	allocator->arenas_at_cnt = kept;
	return 0;
}

/* Retries while the array is inconsistent. *tries: retries left, decremented by each one. */
static int read_patiently(struct obmalloc_state *allocator, struct geometry *geometry,
			  const struct memory *memory, struct arena_list *list, unsigned int *tries)
{
	int err = read_allocator(allocator, geometry, memory, list);

	for (int try = 1; try < TRIES_MAX && *tries && err == -EAGAIN; try++, --*tries) {
		sleep_ns(TRY_AGAIN_NS << (try - 1) / 8);
		err = read_allocator(allocator, geometry, memory, list);
	}
	return err;
}

static int compare_arenas(const void *left, const void *right)
{
	const struct region *a = left, *b = right;

	return (a->address > b->address) - (a->address < b->address);
}

static bool arenas_overlap(const struct arena_list *list)
{
	for (size_t i = 1; i < list->cnt; i++)
		if (list->items[i].address < region__end(&list->items[i - 1]))
			return true;
	return false;
}

/*
 * *@others: retries that all other interpreters share, since a process may pretend to have
 * thousands.
 */
static int read_all(struct obmalloc *obmalloc, const struct memory *memory, struct arena_list *list,
		    uint64_t *skipped, unsigned int *others)
{
	int err;

	for (size_t i = 0; i < obmalloc->cnt; i++) {
		unsigned int main = TRIES_MAX;

		err = read_patiently(&obmalloc->items[i], &obmalloc->geometry, memory, list,
				     i ? others : &main);
		if (err == -EAGAIN && i)
			(*skipped)++;
		else if (err)
			return err;
	}
	if (list->cnt > ARENAS_MAX)
		return -E2BIG;
	err = account__sort(memory->account, list->items, list->cnt, sizeof(*list->items),
			    compare_arenas);
	if (err)
		return err;
	return arenas_overlap(list) ? -EUCLEAN : 0;
}

int obmalloc__read_arenas(struct obmalloc *obmalloc, const struct memory *memory,
			  struct region **out, size_t *cnt, uint64_t *skipped)
{
	unsigned int others = OTHER_TRIES_MAX;
	int err = -EUCLEAN;

	/*
	 * Two allocators, read one after the other, may seem to share an arena that moved between
	 * them.
	 */
	for (int try = 0; try < TRIES_MAX && err == -EUCLEAN; try++) {
		struct arena_list list = {};
		uint64_t now_skipped = 0;

		err = read_all(obmalloc, memory, &list, &now_skipped, &others);
		if (!err) {
			*out = list.items;
			*cnt = list.cnt;
			*skipped += now_skipped;
		} else {
			account__free(list.items);
		}
	}
	return err;
}
