// SPDX-License-Identifier: BSD-2-Clause
#include "pymalloc/locate.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/array.h"
#include "util/cleanup.h"

#define SMALL_PAGE_BYTES 4096
#define ADDRESS_MAX	 (1UL << 56)
/* The target works on the lists while we look: so often we look again. */
#define TRIES_MAX 50
/* A word that leads to the arenas is tried on so many pools before the array is read. */
#define WITNESSES_MAX 16
/* PyInterpreterState is 195 KB in 3.13; the state, or the pointer to it, lies within this. */
#define INTERPRETER_BYTES_MAX (1UL << 20)

struct pair {
	uint64_t next, prev;
};

struct table {
	uint64_t address;
	uint32_t class_cnt;
	struct pair pairs[SIZE_CLASSES_MAX];
};

/* A pool in use, and the index of its arena. */
struct witness {
	uint64_t pool;
	uint32_t arena_index;
};

static bool pair_is_empty(uint64_t address, const struct pair *pair)
{
	return pair->next == address - offsetof(struct pool_header, nextpool) &&
	       pair->prev == pair->next;
}

static bool word_is_pool(uint64_t word)
{
	return word && word % SMALL_PAGE_BYTES == 0 && word < ADDRESS_MAX;
}

static bool pair_is_plausible(uint64_t address, const struct pair *pair)
{
	return pair_is_empty(address, pair) ||
	       (word_is_pool(pair->next) && word_is_pool(pair->prev));
}

static void sleep_briefly(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 300000}, NULL);
}

static bool pool_size_is_sane(uint32_t size)
{
	return size == 4096 || size == 8192 || size == 16384 || size == 32768 || size == 65536;
}

/*
 * Checks the table against the pools at its heads. Returns 0; -EUCLEAN if some contradict it, as happens
 * while it changes; -ENOENT if most do: it is no such table. Works out pool size and alignment; notes
 * pools in use.
 */
static int check_heads(const struct memory *memory, const struct table *table,
		       struct geometry *geometry, struct witness *witnesses, size_t *witness_cnt)
{
	struct pool_header headers[2 * SIZE_CLASSES_MAX];
	struct memory_range ranges[2 * SIZE_CLASSES_MAX];
	uint32_t alignment = SMALL_REQUEST_MAX / table->class_cnt, pool_size = 0;
	size_t cnt = 0, noted = 0, wrong = 0;
	int err;

	for (uint32_t i = 0; i < table->class_cnt; i++) {
		const struct pair *pair = &table->pairs[i];
		uint64_t ends[2] = {pair->next, pair->prev};

		if (pair_is_empty(table->address + i * sizeof(*pair), pair))
			continue;
		for (int end = 0; end < 2; end++, cnt++)
			ranges[cnt] = (struct memory_range){.address = ends[end],
							    .buffer = &headers[cnt],
							    .size = sizeof(headers[cnt])};
	}
	err = memory__read_ranges(memory, ranges, cnt);
	if (err)
		return err;

	for (uint32_t i = 0, at = 0; i < table->class_cnt; i++) {
		uint64_t head = table->address + i * sizeof(struct pair) -
				offsetof(struct pool_header, nextpool);

		if (table->pairs[i].next == head)
			continue;
		for (int end = 0; end < 2; end++, at++) {
			const struct pool_header *header = &headers[at];
			uint32_t size = header->maxnextoffset + (i + 1) * alignment;

			if (ranges[at].failed || header->szidx != i || !header->count ||
			    (end == 0 ? header->prevpool : header->nextpool) != head ||
			    !pool_size_is_sane(size) || (pool_size && size != pool_size)) {
				wrong++;
				continue;
			}
			pool_size = size;
			if (noted < WITNESSES_MAX)
				witnesses[noted++] =
					(struct witness){.pool = ranges[at].address,
							 .arena_index = header->arenaindex};
		}
	}
	if (wrong)
		return wrong * 2 > cnt ? -ENOENT : -EUCLEAN;
	*geometry = (struct geometry){.pool_size = pool_size, .alignment = alignment};
	*witness_cnt = noted;
	return 0;
}

/* Reads the pairs afresh and checks them, again while they change. -ENOENT: it is no such table. */
static int check_table(const struct memory *memory, struct table *table, struct geometry *geometry,
		       struct witness *witnesses, size_t *witness_cnt)
{
	for (int try = 0; try < TRIES_MAX; try++) {
		bool plausible = true;
		int err;

		err = memory__read(memory, table->address, table->pairs,
				   table->class_cnt * sizeof(struct pair));
		if (err)
			return err == -EFAULT ? -ENOENT : err;
		for (uint32_t i = 0; i < table->class_cnt && plausible; i++)
			plausible = pair_is_plausible(table->address + i * sizeof(struct pair),
						      &table->pairs[i]);
		if (!plausible)
			return -ENOENT;
		err = check_heads(memory, table, geometry, witnesses, witness_cnt);
		if (err != -EUCLEAN)
			return err;
		sleep_briefly();
	}
	return -ENOENT;
}

/* The runs of plausible pairs in one segment that are long enough, by where they begin. */
struct table_scan {
	const struct data_segment *segment;
	size_t at;
};

/*
 * Writes where the next run of at least 32 plausible pairs begins and how many pairs it has. Runs on
 * odd and even words are both found: every word is tried as a beginning.
 */
static bool next_run(struct table_scan *scan, uint64_t *address, size_t *length)
{
	const struct data_segment *segment = scan->segment;

	for (; scan->at + sizeof(struct pair) <= segment->size; scan->at += 8) {
		size_t cnt = 0, at = scan->at;
		struct pair pair;

		for (; at + sizeof(pair) <= segment->size; at += sizeof(pair), cnt++) {
			memcpy(&pair, segment->bytes + at, sizeof(pair));
			if (!pair_is_plausible(segment->address + at, &pair))
				break;
		}
		if (cnt < SMALL_REQUEST_MAX / 16)
			continue;
		*address = segment->address + scan->at;
		*length = cnt;
		scan->at += 8;
		return true;
	}
	return false;
}

/* Finds the table in the data. 0, -ENOENT, or negative errno of reading. */
static int find_table(const struct data_image *data, const struct memory *memory,
		      struct table *table, struct geometry *geometry, struct witness *witnesses,
		      size_t *witness_cnt)
{
	bool seen_empty = false;
	struct table empty = {};

	for (size_t i = 0; i < data->segment_cnt; i++) {
		struct table_scan scan = {.segment = &data->segments[i],
					  .at = -data->segments[i].address & 7};
		uint64_t address;
		size_t length;

		while (next_run(&scan, &address, &length)) {
			int err = -ENOENT;

			table->address = address;
			for (uint32_t classes = SIZE_CLASSES_MAX; err == -ENOENT && classes >= 32;
			     classes /= 2) {
				table->class_cnt = classes;
				if (length >= classes)
					err = check_table(memory, table, geometry, witnesses,
							  witness_cnt);
			}
			if (!err && *witness_cnt)
				return 0;
			if (!err && !seen_empty) {
				seen_empty = true;
				empty = *table;
			}
			if (err && err != -ENOENT)
				return err;
		}
	}
	if (!seen_empty)
		return -ENOENT;
	*table = empty;
	*witness_cnt = 0;
	return 0;
}

/* Keeps of @candidates those words whose value leads witness @w to an arena around its pool. */
static int filter_candidates(const struct memory *memory, const struct witness *w,
			     uint64_t *addresses, uint64_t *values, size_t *cnt)
{
	_cleanup_free_ struct memory_range *ranges = calloc(*cnt + 1, sizeof(*ranges));
	_cleanup_free_ uint64_t *arenas = calloc(*cnt + 1, sizeof(*arenas));
	size_t kept = 0;
	int err;

	if (!ranges || !arenas)
		return -ENOMEM;
	for (size_t i = 0; i < *cnt; i++)
		ranges[i] = (struct memory_range){.address = values[i] +
							     (uint64_t)w->arena_index *
								     sizeof(struct arena_object),
						  .buffer = &arenas[i],
						  .size = sizeof(arenas[i])};
	err = memory__read_ranges(memory, ranges, *cnt);
	if (err)
		return err;
	for (size_t i = 0; i < *cnt; i++) {
		if (ranges[i].failed || !arenas[i] || arenas[i] > w->pool ||
		    w->pool - arenas[i] >= 64UL << 20)
			continue;
		addresses[kept] = addresses[i];
		values[kept++] = values[i];
	}
	*cnt = kept;
	return 0;
}

/* Every word of the data that could be a pointer to a heap structure. */
static int collect_words(const struct data_image *data, uint64_t **addresses, uint64_t **values,
			 size_t *cnt)
{
	size_t address_capacity = 0, value_capacity = 0, found = 0;

	for (size_t i = 0; i < data->segment_cnt; i++) {
		const struct data_segment *segment = &data->segments[i];

		for (size_t at = -segment->address & 7; at + 8 <= segment->size; at += 8) {
			uint64_t word;
			int err;

			memcpy(&word, segment->bytes + at, sizeof(word));
			if (word < SMALL_PAGE_BYTES || word % 8 || word >= ADDRESS_MAX)
				continue;
			err = ARRAY_RESERVE(*addresses, address_capacity, found + 1);
			if (!err)
				err = ARRAY_RESERVE(*values, value_capacity, found + 1);
			if (err)
				return err;
			(*addresses)[found] = segment->address + at;
			(*values)[found++] = word;
		}
	}
	*cnt = found;
	return 0;
}

/* Finds the words that point to the arena array, and with it the arena size. */
static int find_arenas(const struct data_image *data, const struct memory *memory,
		       const struct witness *witnesses, size_t witness_cnt,
		       struct allocator *allocator, struct geometry *geometry)
{
	_cleanup_free_ uint64_t *addresses = NULL, *values = NULL;
	size_t cnt = 0;
	int err;

	err = collect_words(data, &addresses, &values, &cnt);
	for (size_t i = 0; !err && i < witness_cnt && cnt; i++)
		err = filter_candidates(memory, &witnesses[i], addresses, values, &cnt);
	if (err)
		return err;
	for (size_t i = 0; i < cnt && allocator->arenas_at_cnt < ARRAY_SIZE(allocator->arenas_at);
	     i++) {
		_cleanup_free_ struct arena *arenas = NULL;
		size_t arena_cnt = 0, capacity = 0;

		err = arena_table__read(memory, values[i], geometry, &arenas, &arena_cnt,
					&capacity);
		if (err == -EUCLEAN || err == -EFAULT)
			continue;
		if (err)
			return err;
		allocator->arenas_at[allocator->arenas_at_cnt++] = addresses[i];
	}
	return allocator->arenas_at_cnt ? 0 : -EAGAIN;
}

int allocators__locate(struct allocators *out, const struct data_image *data,
		       const struct memory *memory)
{
	struct witness witnesses[WITNESSES_MAX];
	struct allocator allocator = {};
	struct geometry geometry;
	struct table table;
	size_t witness_cnt;
	int err;

	err = find_table(data, memory, &table, &geometry, witnesses, &witness_cnt);
	if (err)
		return err;
	if (!witness_cnt)
		return -ENODATA;
	allocator.usedpools = table.address;
	err = find_arenas(data, memory, witnesses, witness_cnt, &allocator, &geometry);
	if (err)
		return err;
	out->items = malloc(sizeof(*out->items));
	if (!out->items)
		return -ENOMEM;
	out->items[0] = allocator;
	out->cnt = 1;
	out->geometry = geometry;
	return 0;
}

void allocators__free(struct allocators *allocators)
{
	free(allocators->items);
	*allocators = (struct allocators){};
}

/* Where in PyInterpreterState the allocator state hangs. */
struct state_place {
	uint64_t offset;
	bool inlined; /* 3.12: the state itself is there; later: a pointer to it */
};

/* 0, -ENOENT if no interpreter leads to the main table, or negative errno. */
static int find_state_place(const struct allocator *main, const uint64_t *interpreters, size_t cnt,
			    const struct memory *memory, struct state_place *place)
{
	_cleanup_free_ uint64_t *words = NULL;

	for (size_t i = 0; i < cnt; i++) {
		if (main->usedpools - interpreters[i] < INTERPRETER_BYTES_MAX) {
			*place = (struct state_place){.offset = main->usedpools - interpreters[i],
						      .inlined = true};
			return 0;
		}
	}
	words = malloc(SMALL_PAGE_BYTES);
	if (!words)
		return -ENOMEM;
	for (size_t i = 0; i < cnt; i++) {
		for (uint64_t at = 0; at < INTERPRETER_BYTES_MAX; at += SMALL_PAGE_BYTES) {
			int err =
				memory__read(memory, interpreters[i] + at, words, SMALL_PAGE_BYTES);

			if (err == -EFAULT)
				break;
			if (err)
				return err;
			for (size_t w = 0; w < SMALL_PAGE_BYTES / sizeof(*words); w++) {
				if (words[w] != main->usedpools)
					continue;
				*place = (struct state_place){.offset = at + w * sizeof(*words)};
				return 0;
			}
		}
	}
	return -ENOENT;
}

/* The allocator of one interpreter. -ENOENT: it has none of its own (or none that is set up). */
static int find_own_allocator(const struct allocators *allocators, uint64_t interpreter,
			      const struct state_place *place, const struct memory *memory,
			      struct allocator *out)
{
	struct witness witnesses[WITNESSES_MAX];
	struct geometry geometry;
	struct table table = {.address = interpreter + place->offset,
			      .class_cnt = geometry__class_cnt(&allocators->geometry)};
	size_t witness_cnt;
	int err;

	if (!place->inlined) {
		err = memory__read(memory, interpreter + place->offset, &table.address,
				   sizeof(table.address));
		if (err)
			return err == -EFAULT ? -ENOENT : err;
	}
	if (!table.address || table.address == allocators->items[0].usedpools)
		return -ENOENT;
	err = check_table(memory, &table, &geometry, witnesses, &witness_cnt);
	if (err)
		return err;
	if (!witness_cnt || geometry.pool_size != allocators->geometry.pool_size)
		return -ENOENT;
	/* struct _obmalloc_state: pools.used[], and right behind it mgmt.arenas. */
	*out = (struct allocator){
		.usedpools = table.address,
		.arenas_at = {table.address + table.class_cnt * sizeof(struct pair)},
		.arenas_at_cnt = 1,
	};
	return 0;
}

int allocators__add_interpreters(struct allocators *allocators, const uint64_t *interpreters,
				 size_t cnt, const struct memory *memory)
{
	struct state_place place;
	struct allocator *items;
	int err;

	allocators->cnt = 1;
	if (cnt < 2)
		return 0;
	err = find_state_place(&allocators->items[0], interpreters, cnt, memory, &place);
	if (err)
		return err == -ENOENT ? 0 : err;
	items = realloc(allocators->items, (cnt + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	allocators->items = items;
	for (size_t i = 0; i < cnt; i++) {
		err = find_own_allocator(allocators, interpreters[i], &place, memory,
					 &items[allocators->cnt]);
		if (err == -ENOENT)
			continue;
		if (err)
			return err;
		allocators->cnt++;
	}
	return 0;
}

/*
 * Reads the arena array of one allocator through each word that may hold its address, and keeps the
 * words that hold the one that is right.
 */
static int read_allocator_arenas(struct allocator *allocator, const struct memory *memory,
				 struct geometry *geometry, struct arena **arenas, size_t *cnt,
				 size_t *capacity)
{
	uint64_t values[ARRAY_SIZE(allocator->arenas_at)], right = 0;
	size_t kept = 0;
	int err = -EAGAIN;

	for (size_t i = 0; i < allocator->arenas_at_cnt; i++) {
		int read_err = memory__read(memory, allocator->arenas_at[i], &values[i],
					    sizeof(values[i]));

		if (read_err)
			return read_err == -EFAULT ? -EUCLEAN : read_err;
	}
	for (size_t i = 0; i < allocator->arenas_at_cnt && err; i++) {
		err = arena_table__read(memory, values[i], geometry, arenas, cnt, capacity);
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

static int compare_arenas(const void *left, const void *right)
{
	const struct arena *a = left, *b = right;

	return (a->address > b->address) - (a->address < b->address);
}

static int read_all_arenas(struct allocators *allocators, const struct memory *memory,
			   struct arena **out, size_t *out_cnt)
{
	_cleanup_free_ struct arena *arenas = NULL;
	size_t cnt = 0, capacity = 0;
	int err;

	for (size_t i = 0; i < allocators->cnt; i++) {
		err = read_allocator_arenas(&allocators->items[i], memory, &allocators->geometry,
					    &arenas, &cnt, &capacity);
		if (err)
			return err;
	}
	if (cnt > ARENAS_MAX)
		return -E2BIG;
	if (cnt)
		qsort(arenas, cnt, sizeof(*arenas), compare_arenas);
	for (size_t i = 1; i < cnt; i++)
		if (arenas[i].address - arenas[i - 1].address < allocators->geometry.arena_size)
			return -EUCLEAN;
	*out = TAKE_PTR(arenas);
	*out_cnt = cnt;
	return 0;
}

int allocators__read_arenas(struct allocators *allocators, const struct memory *memory,
			    struct arena **out, size_t *cnt)
{
	int err = -EAGAIN;

	for (int try = 0; try < TRIES_MAX && (err == -EAGAIN || err == -EUCLEAN); try++) {
		if (try)
			sleep_briefly();
		err = read_all_arenas(allocators, memory, out, cnt);
	}
	return err;
}
