// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/arena_threads.h"

#include <errno.h>

#include "util/account.h"
#include "util/cleanup.h"
#include "util/partition_point.h"

/* What is looked at, in words below the thread pointer. Python's distances are 7 to 16. */
#define DISTANCE_MAX 256

struct search {
	const struct memory *memory;
	uint64_t *arenas; /* addresses, sorted. Owned */
	size_t arena_cnt;
	/* By distance: in how many threads the address of an arena is there. */
	size_t votes[DISTANCE_MAX + 1];
};

static void search__release(struct search *search)
{
	account__free(search->arenas);
}

static int compare_addresses(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

static int list_arenas(struct search *search, const struct malloc_areas *areas)
{
	struct account *account = search->memory->account;
	size_t cnt = 0;

	for (size_t i = 0; i < areas->cnt; i++)
		cnt += areas->items[i].arena_cnt;
	search->arenas = account__calloc(account, cnt + 1, sizeof(*search->arenas));
	if (!search->arenas)
		return -errno;
	for (size_t i = 0; i < areas->cnt; i++)
		for (size_t j = 0; j < areas->items[i].arena_cnt; j++)
			search->arenas[search->arena_cnt++] = areas->items[i].arenas[j].address;
	return account__sort(account, search->arenas, cnt, sizeof(*search->arenas),
			     compare_addresses);
}

static bool is_arena(const struct search *search, uint64_t word)
{
	size_t i = PARTITION_POINT(arena, search->arenas, search->arena_cnt, *arena < word);

	return i < search->arena_cnt && search->arenas[i] == word;
}

static bool has_pointer(const struct thread_stack *stack)
{
	return stack->thread && stack->thread_pointer;
}

static int vote(struct search *search, const struct thread_stack *thread)
{
	uint64_t words[DISTANCE_MAX];
	int err = memory__read(search->memory, thread->thread_pointer - sizeof(words), words,
			       sizeof(words));

	for (size_t i = 0; i < DISTANCE_MAX && !err; i++)
		search->votes[DISTANCE_MAX - i] += is_arena(search, words[i]);
	return memory__is_missing(err) ? 0 : err;
}

/* 0: nowhere is one. */
static size_t learn_distance(const struct search *search)
{
	size_t most = 0;

	for (size_t i = 1; i <= DISTANCE_MAX; i++)
		if (search->votes[i] > search->votes[most])
			most = i;
	return most;
}

static int set_arena(const struct search *search, struct thread_stack *thread, size_t distance)
{
	uint64_t word;
	int err = memory__read(search->memory, thread->thread_pointer - distance * sizeof(word),
			       &word, sizeof(word));

	if (!err && is_arena(search, word))
		thread->arena = word;
	return memory__is_missing(err) ? 0 : err;
}

int arena_threads__find(const struct thread_stacks *stacks, const struct malloc_areas *areas,
			const struct target *target)
{
	_cleanup_(search__release) struct search search = {.memory = target->memory};
	size_t distance;
	int err = list_arenas(&search, areas);

	for (size_t i = 0; i < stacks->cnt && !err; i++)
		if (has_pointer(&stacks->items[i]))
			err = vote(&search, &stacks->items[i]);
	distance = learn_distance(&search);
	for (size_t i = 0; i < stacks->cnt && !err && distance; i++)
		if (has_pointer(&stacks->items[i]))
			err = set_arena(&search, &stacks->items[i], distance);
	return err;
}
