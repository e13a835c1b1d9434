// SPDX-License-Identifier: BSD-2-Clause
#include "pymalloc/used_pools.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "util/sleep.h"

#define POOL_SIZE_MIN 4096
#define POOL_SIZE_MAX 65536
#define CLASS_CNT_MIN 32
#define ADDRESS_MAX   (1UL << 56) /* end of user addresses, including five-level paging */
/* The target may change the lists while they are read: number of tries, and wait between them. */
#define TRIES_MAX    50
#define TRY_AGAIN_NS 300000
/* Addresses in the data to try as the start of a table. Real data has few besides the tables. */
#define TABLES_TRIED_MAX 4096

static bool pair_is_empty(uint64_t address, const struct used_pools_pair *pair)
{
	return pair->next == address - offsetof(struct pool_header, nextpool) &&
	       pair->prev == pair->next;
}

static bool word_is_pool(uint64_t word)
{
	return word && word % POOL_SIZE_MIN == 0 && word < ADDRESS_MAX;
}

static bool pair_is_plausible(uint64_t address, const struct used_pools_pair *pair)
{
	return pair_is_empty(address, pair) ||
	       (word_is_pool(pair->next) && word_is_pool(pair->prev));
}

static bool pool_size_is_sane(uint32_t size)
{
	return size >= POOL_SIZE_MIN && size <= POOL_SIZE_MAX && !(size & (size - 1));
}

/* One end of a list: the pool there, and the size class it should have. */
struct list_end {
	uint32_t size_class;
	bool first; /* first pool of the list; else the last */
	struct pool_header header;
};

/* Reads the pools at both ends of every list that is not empty. *cnt: number of ends. */
static int read_ends(const struct memory *memory, const struct used_pools *table,
		     struct list_end *ends, struct memory_range *ranges, size_t *cnt)
{
	*cnt = 0;
	for (uint32_t i = 0; i < table->class_cnt; i++) {
		const struct used_pools_pair *pair = &table->pairs[i];

		if (pair_is_empty(table->address + i * sizeof(*pair), pair))
			continue;
		for (int end = 0; end < 2; end++, (*cnt)++) {
			ends[*cnt] = (struct list_end){.size_class = i, .first = end == 0};
			ranges[*cnt] =
				(struct memory_range){.address = end ? pair->prev : pair->next,
						      .buffer = &ends[*cnt].header,
						      .size = sizeof(ends[*cnt].header)};
		}
	}
	return memory__read_ranges(memory, ranges, *cnt);
}

/* Whether the pool's own header agrees. */
static bool end_fits(const struct list_end *end, const struct used_pools *table)
{
	const struct pool_header *header = &end->header;
	uint64_t head = table->address + end->size_class * sizeof(struct used_pools_pair) -
			offsetof(struct pool_header, nextpool);

	return header->szidx == end->size_class && header->count &&
	       (end->first ? header->prevpool : header->nextpool) == head;
}

/*
 * Checks the table against the pools at the ends of its lists, and collects evidence from them.
 * Pools that are swapped out say nothing. Returns 0; -EUCLEAN if some contradict the table, as
 * happens while it changes; -ENOENT if most do: it is not such a table; -ENODATA: all are swapped
 * out, so nobody knows.
 */
static int check_ends(const struct memory *memory, const struct used_pools *table,
		      struct used_pools_evidence *evidence)
{
	uint32_t alignment = SMALL_REQUEST_MAX / table->class_cnt, pool_size = 0;
	struct memory_range ranges[2 * SIZE_CLASSES_MAX];
	struct list_end ends[2 * SIZE_CLASSES_MAX];
	size_t cnt, wrong = 0, swapped = 0;
	int err;

	err = read_ends(memory, table, ends, ranges, &cnt);
	if (err)
		return err;
	evidence->witness_cnt = 0;
	for (size_t i = 0; i < cnt; i++) {
		const struct pool_header *header = &ends[i].header;
		uint32_t size = header->maxnextoffset + (ends[i].size_class + 1) * alignment;

		swapped += ranges[i].is_swapped;
		if (ranges[i].is_swapped)
			continue;
		if (ranges[i].failed || !end_fits(&ends[i], table) || !pool_size_is_sane(size) ||
		    (pool_size && size != pool_size)) {
			wrong++;
			continue;
		}
		pool_size = size;
		if (evidence->witness_cnt < POOL_WITNESSES_MAX)
			evidence->witnesses[evidence->witness_cnt++] =
				(struct pool_witness){.pool = ranges[i].address,
						      .arena_index = header->arenaindex};
	}
	evidence->geometry = (struct geometry){.pool_size = pool_size, .alignment = alignment};
	if (cnt && swapped == cnt)
		return -ENODATA;
	if (wrong * 2 > cnt - swapped)
		return -ENOENT;
	return wrong ? -EUCLEAN : 0;
}

static bool pairs_are_plausible(const struct used_pools *table)
{
	for (uint32_t i = 0; i < table->class_cnt; i++)
		if (!pair_is_plausible(table->address + i * sizeof(table->pairs[i]),
				       &table->pairs[i]))
			return false;
	return true;
}

/*
 * A contradiction that persists is a damaged pool; the table is accepted if at least half of the
 * pools agree.
 */
int used_pools__check(struct used_pools *table, struct used_pools_evidence *evidence,
		      const struct memory *memory, unsigned int *retries)
{
	int err = -EUCLEAN;

	for (int try = 0; try < TRIES_MAX && err == -EUCLEAN; try++) {
		if (try && !*retries)
			break;
		if (try) {
			--*retries;
			sleep_ns(TRY_AGAIN_NS);
		}
		err = memory__read(memory, table->address, table->pairs,
				   table->class_cnt * sizeof(table->pairs[0]));
		if (err)
			return err == -EFAULT ? -ENOENT : err;
		if (!pairs_are_plausible(table))
			return -ENOENT;
		err = check_ends(memory, table, evidence);
	}
	return err == -EUCLEAN ? 0 : err;
}

/* Searches a piece of data for runs of plausible pairs that are long enough. */
struct run_scan {
	const struct data_piece *piece;
	size_t at;
};

static size_t measure_run(const struct data_piece *piece, size_t at)
{
	size_t cnt = 0;

	for (; cnt < SIZE_CLASSES_MAX && at + sizeof(struct used_pools_pair) <= piece->extent;
	     cnt++, at += sizeof(struct used_pools_pair)) {
		struct used_pools_pair pair;

		memcpy(&pair, piece->bytes + at, sizeof(pair));
		if (!pair_is_plausible(piece->address + at, &pair))
			break;
	}
	return cnt;
}

/* Tries every word as a start, since the data before a table may look like part of it. */
static bool next_run(struct run_scan *scan, uint64_t *address, size_t *length)
{
	for (; scan->at < scan->piece->size &&
	       scan->at + sizeof(struct used_pools_pair) <= scan->piece->extent;
	     scan->at += 8) {
		*length = measure_run(scan->piece, scan->at);
		if (*length < CLASS_CNT_MIN)
			continue;
		*address = scan->piece->address + scan->at;
		scan->at += 8;
		return true;
	}
	return false;
}

/* Tries a table at @address, first with 64 classes if the run is long enough, then with 32. */
static int try_run(struct used_pools *table, struct used_pools_evidence *evidence, uint64_t address,
		   size_t length, const struct memory *memory, unsigned int *retries)
{
	int err = -ENOENT;

	table->address = address;
	for (uint32_t cnt = SIZE_CLASSES_MAX; err == -ENOENT && cnt >= CLASS_CNT_MIN; cnt /= 2) {
		table->class_cnt = cnt;
		if (length >= cnt)
			err = used_pools__check(table, evidence, memory, retries);
		/* Another table may do. */
		err = err == -ENODATA ? -ENOENT : err;
	}
	return err;
}

struct table_search {
	const struct memory *memory;
	struct used_pools *out;
	struct used_pools_evidence *evidence;
	unsigned int retries, tried;
	bool found_empty;
};

_Static_assert(SIZE_CLASSES_MAX * sizeof(struct used_pools_pair) <= DATA_TAIL_BYTES,
	       "a table is in one piece");

/* Returns 1 if a table that is in use was found. */
static int look_for_table(const struct data_piece *piece, void *context)
{
	struct table_search *search = context;
	struct used_pools_evidence *evidence = search->evidence;
	struct run_scan scan = {.piece = piece, .at = -piece->address & 7};
	uint64_t address;
	size_t length;

	while (search->tried < TABLES_TRIED_MAX && next_run(&scan, &address, &length)) {
		struct used_pools table;
		int err = try_run(&table, evidence, address, length, search->memory,
				  &search->retries);

		search->tried++;
		if (err && err != -ENOENT)
			return err;
		if (err || (search->found_empty && !evidence->witness_cnt))
			continue;
		*search->out = table;
		if (evidence->witness_cnt)
			return 1;
		search->found_empty = true;
	}
	return 0;
}

int used_pools__find(struct used_pools *out, struct used_pools_evidence *evidence,
		     const struct data_image *data, const struct memory *memory)
{
	struct table_search search = {.memory = memory,
				      .out = out,
				      .evidence = evidence,
				      .retries = USED_POOLS_RETRIES_MAX};
	int result = data_image__visit(data, memory, look_for_table, &search);

	if (result)
		return result > 0 ? 0 : result;
	evidence->witness_cnt = 0;
	return search.found_empty ? 0 : -ENOENT;
}
