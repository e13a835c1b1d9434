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
 * The target works on its arenas while we look: so often we look again, and so long we wait, each
 * eight times twice as long. That is a third of a second in all: a thread that is in the middle of
 * it may have spent its container's CPU quota, and goes on after 100 ms, or 250.
 */
#define TRIES_MAX    56
#define TRY_AGAIN_NS 300000L
/* Of the allocators of all other interpreters together. */
#define OTHER_TRIES_MAX (4 * TRIES_MAX)
/* Words that may be the pointer to the arenas, by all that was seen: so many are tried. */
#define CANDIDATES_TRIED_MAX 1024

/* Words of the data that could be pointers, and where they are. */
struct candidates {
	uint64_t *addresses, *values;
	size_t cnt, address_capacity, value_capacity;
	struct account *account;
};

static void candidates__release(struct candidates *candidates)
{
	account__free(candidates->addresses);
	account__free(candidates->values);
}

/*
 * Whether a word of the data may be the address of the arena array: that is on the malloc heap
 * (Objects/obmalloc.c, new_arena()), while most words in a module's data lead into the module
 * itself, or nowhere.
 */
static bool is_candidate(const struct data_image *data, const struct process *process,
			 uint64_t word)
{
	const struct mapping *mapping;

	if (word < ADDRESS_MIN || word % 8 || word >= ADDRESS_MAX ||
	    (word >= data->module_start && word < data->module_end))
		return false;
	mapping = process ? process__find_mapping(process, word) : NULL;
	return !process || (mapping && mapping->writable);
}

static int collect_candidates(struct candidates *out, const struct data_image *data,
			      const struct process *process)
{
	for (size_t i = 0; i < data->segment_cnt; i++) {
		const struct data_segment *segment = &data->segments[i];

		for (size_t at = -segment->address & 7; at + 8 <= segment->size; at += 8) {
			uint64_t word;
			int err;

			memcpy(&word, segment->bytes + at, sizeof(word));
			if (!is_candidate(data, process, word))
				continue;
			err = ACCOUNT_RESERVE(out->account, out->addresses, out->address_capacity,
					      out->cnt + 1);
			if (!err)
				err = ACCOUNT_RESERVE(out->account, out->values,
						      out->value_capacity, out->cnt + 1);
			if (err)
				return err;
			out->addresses[out->cnt] = segment->address + at;
			out->values[out->cnt++] = word;
		}
	}
	return 0;
}

/* Keeps those whose value leads @witness to an arena around its pool. */
static int filter_candidates(struct candidates *candidates, const struct pool_witness *witness,
			     const struct memory *memory)
{
	_cleanup_account_free_ struct memory_range *ranges = NULL;
	_cleanup_account_free_ uint64_t *arenas = NULL;
	size_t kept = 0;
	int err;

	ranges = account__calloc(memory->account, candidates->cnt + 1, sizeof(*ranges));
	if (ranges)
		arenas = account__calloc(memory->account, candidates->cnt + 1, sizeof(*arenas));
	if (!arenas)
		return -errno;
	for (size_t i = 0; i < candidates->cnt; i++)
		ranges[i] = (struct memory_range){.address = candidates->values[i] +
							     (uint64_t)witness->arena_index *
								     sizeof(struct arena_object),
						  .buffer = &arenas[i],
						  .size = sizeof(arenas[i])};
	err = memory__read_ranges(memory, ranges, candidates->cnt);
	if (err)
		return err;
	for (size_t i = 0; i < candidates->cnt; i++) {
		if (ranges[i].failed || !arenas[i] || arenas[i] > witness->pool ||
		    witness->pool - arenas[i] >= ARENA_SIZE_MAX)
			continue;
		candidates->addresses[kept] = candidates->addresses[i];
		candidates->values[kept++] = candidates->values[i];
	}
	candidates->cnt = kept;
	return 0;
}

/* Finds the words that point to the arena array, and with it the arena size. */
static int find_arenas(struct allocator *allocator, struct used_pools_evidence *evidence,
		       const struct data_image *data, const struct process *process,
		       const struct memory *memory)
{
	_cleanup_(candidates__release) struct candidates candidates = {.account = memory->account};
	int err;

	err = collect_candidates(&candidates, data, process);
	for (size_t i = 0; !err && i < evidence->witness_cnt && candidates.cnt; i++)
		err = filter_candidates(&candidates, &evidence->witnesses[i], memory);
	if (err)
		return err;
	for (size_t i = 0; i < candidates.cnt && i < CANDIDATES_TRIED_MAX &&
			   allocator->arenas_at_cnt < ARRAY_SIZE(allocator->arenas_at);
	     i++) {
		struct arena_list list = {};
		size_t slot_cnt = 0;

		err = arena_table__read(memory, candidates.values[i], &evidence->geometry, &list,
					&slot_cnt);
		account__free(list.items);
		if (err == -EUCLEAN || err == -EFAULT)
			continue;
		if (err)
			return err;
		allocator->arenas_at[allocator->arenas_at_cnt++] = candidates.addresses[i];
		log_debug("arenas at %#lx, found through %#lx", candidates.values[i],
			  candidates.addresses[i]);
	}
	return allocator->arenas_at_cnt ? 0 : -EAGAIN;
}

int allocators__locate(struct allocators *out, const struct data_image *data,
		       const struct process *process, const struct memory *memory)
{
	struct used_pools_evidence evidence;
	struct allocator allocator = {};
	struct used_pools table;
	int err;

	err = used_pools__find(&table, &evidence, data, memory);
	if (err)
		return err;
	log_debug("used pools at %#lx, %u size classes", table.address, table.class_cnt);
	if (!evidence.witness_cnt)
		return -ENODATA;
	allocator.used_pools = table.address;
	err = find_arenas(&allocator, &evidence, data, process, memory);
	/* It may have moved since the maps were read. */
	if (err == -EAGAIN && process)
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

void allocators__free(struct allocators *allocators)
{
	free(allocators->items);
	*allocators = (struct allocators){};
}

/*
 * Reads the arena array of one allocator through each word that may hold its address, and keeps the
 * words that hold the one that is right. -EAGAIN: none is, just now.
 */
static int read_allocator(struct allocator *allocator, struct geometry *geometry,
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

/* As often as *tries says, which shrinks by each time it was waited. */
static int read_patiently(struct allocator *allocator, struct geometry *geometry,
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
	const struct arena *a = left, *b = right;

	return (a->address > b->address) - (a->address < b->address);
}

static bool arenas_overlap(const struct arena_list *list, uint32_t arena_size)
{
	for (size_t i = 1; i < list->cnt; i++)
		if (list->items[i].address - list->items[i - 1].address < arena_size)
			return true;
	return false;
}

/*
 * @others: so many tries all other interpreters have together: a process may pretend to have
 * thousands.
 */
static int read_all(struct allocators *allocators, const struct memory *memory,
		    struct arena_list *list, uint64_t *skipped, unsigned int *others)
{
	for (size_t i = 0; i < allocators->cnt; i++) {
		unsigned int main = TRIES_MAX;
		int err = read_patiently(&allocators->items[i], &allocators->geometry, memory, list,
					 i ? others : &main);

		if (err == -EAGAIN && i)
			(*skipped)++;
		else if (err)
			return err;
	}
	if (list->cnt > ARENAS_MAX)
		return -E2BIG;
	if (list->cnt)
		qsort(list->items, list->cnt, sizeof(*list->items), compare_arenas);
	return arenas_overlap(list, allocators->geometry.arena_size) ? -EUCLEAN : 0;
}

int allocators__read_arenas(struct allocators *allocators, const struct memory *memory,
			    struct arena **out, size_t *cnt, uint64_t *skipped)
{
	unsigned int others = OTHER_TRIES_MAX;
	int err = -EUCLEAN;

	/*
	 * Read one after the other, two allocators may seem to share an arena that changed hands.
	 */
	for (int try = 0; try < TRIES_MAX && err == -EUCLEAN; try++) {
		struct arena_list list = {};
		uint64_t now_skipped = 0;

		err = read_all(allocators, memory, &list, &now_skipped, &others);
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
