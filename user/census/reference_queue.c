// SPDX-License-Identifier: BSD-2-Clause
#include "census/reference_queue.h"

#include <errno.h>
#include <stdlib.h>

#include "util/checked.h"
#include "util/cleanup.h"
#include "util/word.h"

/* Limits of one read. */
#define SCRATCH_BYTES (1UL << 20)
#define PIECES_MAX    4096
#define KEYS_AT_ONCE  4096

_Static_assert(KEYS_AT_ONCE *KEYS_HEADER_BYTES <= SCRATCH_BYTES, "headers of keys fit");

#define DEQUE_BLOCK_WORDS 66

/* Further items of one object are left out. */
#define REFERENCES_MAX (1UL << 26)

/*
 * Limits of the entries of all requests together: per word of the target's memory, and a minimum.
 * No two lists share items, but many dicts share keys. More entries than that can only come from
 * corrupt data.
 */
#define ENTRIES_A_WORD 4
#define ENTRIES_MIN    (1UL << 20)

/* A part of a request. */
struct piece {
	size_t request;
	uint64_t first, cnt; /* entries */
	size_t range;	     /* the first of its one or two ranges */
};

struct reference_queue {
	const struct census *census;
	struct reference_visitor visitor;
	struct request *requests;
	size_t request_cnt, request_capacity;
	struct memory_range ranges[2 * PIECES_MAX];
	struct piece pieces[PIECES_MAX];
	size_t range_cnt, piece_cnt;
	uint8_t *scratch;
	uint64_t left_out;
	/* For how many entries the target has memory: in all, and not requested yet. */
	uint64_t most, room;
};

int reference_queue__new(struct reference_queue **out, const struct census *census,
			 const struct reference_visitor *visitor)
{
	struct reference_queue *queue = calloc(1, sizeof(*queue));

	if (!queue)
		return -ENOMEM;
	queue->census = census;
	queue->visitor = *visitor;
	if (!checked_mul(ENTRIES_A_WORD, census->refcnt_max, &queue->most) ||
	    !checked_add(queue->most, ENTRIES_MIN, &queue->most))
		queue->most = UINT64_MAX;
	queue->room = queue->most;
	queue->scratch = malloc(SCRATCH_BYTES);
	if (!queue->scratch) {
		free(queue);
		return -ENOMEM;
	}
	*out = queue;
	return 0;
}

void reference_queue__free(struct reference_queue *queue)
{
	if (!queue)
		return;
	account__free(queue->requests);
	free(queue->scratch);
	free(queue);
}

uint64_t reference_queue__left_out(const struct reference_queue *queue)
{
	return queue->left_out;
}

/*
 * How many of @wanted entries to read. An object that claims more than all of the memory could hold
 * is skipped, so that it takes nothing from others.
 */
static uint64_t cut(struct reference_queue *queue, uint64_t wanted)
{
	uint64_t cnt = wanted > queue->most ? 0 : wanted;

	if (cnt > REFERENCES_MAX)
		cnt = REFERENCES_MAX;
	if (cnt > queue->room)
		cnt = queue->room;
	queue->room -= cnt;
	queue->left_out += cnt != wanted;
	return cnt;
}

int reference_queue__add(struct reference_queue *queue, const struct request *request)
{
	struct request *added;
	int err;

	if (!request->cnt || !request->address)
		return 0;
	err = ACCOUNT_RESERVE(queue->census->heap->account, queue->requests,
			      queue->request_capacity, queue->request_cnt + 1);
	if (err)
		return err;
	added = &queue->requests[queue->request_cnt++];
	*added = *request;
	added->cnt = cut(queue, request->cnt);
	return 0;
}

/* Finds the entries of dicts whose keys have to be read first. */
static int look_at_keys(struct reference_queue *queue, size_t from, size_t to)
{
	size_t cnt = 0;
	int err;

	for (size_t i = from; i < to; i++)
		if (queue->requests[i].kind == REQUEST_KEYS)
			queue->ranges[cnt++] =
				(struct memory_range){.address = queue->requests[i].address,
						      .buffer = queue->scratch +
								(i - from) * KEYS_HEADER_BYTES,
						      .size = KEYS_HEADER_BYTES};
	err = cnt ? memory__read_ranges(queue->census->memory, queue->ranges, cnt) : 0;
	cnt = 0;
	for (size_t i = from; i < to && !err; i++) {
		struct request *request = &queue->requests[i];
		const struct memory_range *range = &queue->ranges[cnt];
		struct dict_keys keys;

		if (request->kind != REQUEST_KEYS)
			continue;
		cnt++;
		request->kind = REQUEST_ENTRIES;
		request->cnt = 0;
		if (range->failed ||
		    dict_keys__decode(&keys, queue->census->dicts, request->address, range->buffer))
			continue;
		request->address = keys.entries;
		request->words = keys.words;
		request->cnt = cut(queue, keys.cnt);
	}
	return err;
}

/* Whether the values are stored apart from the keys, and so need a second range. */
static bool is_apart(const struct request *request)
{
	return request->kind == REQUEST_ENTRIES && request->values;
}

static size_t entry_bytes(const struct request *request)
{
	return request->kind == REQUEST_DEQUE ? DEQUE_BLOCK_WORDS * 8UL : request->words * 8UL;
}

static uint64_t entries_left(const struct request *request)
{
	if (request->kind == REQUEST_DEQUE)
		return request->cnt && !request->done; /* the next block is a request of its own */
	return request->cnt - request->done;
}

static void add_range(struct reference_queue *queue, uint64_t address, size_t size, size_t *used)
{
	queue->ranges[queue->range_cnt++] = (struct memory_range){.address = address,
								  .buffer = queue->scratch + *used,
								  .size = size};
	*used += size;
}

/* Packs as much as fits, from request *at on. */
static void pack(struct reference_queue *queue, size_t *at)
{
	size_t used = 0;

	queue->piece_cnt = queue->range_cnt = 0;
	for (; *at < queue->request_cnt && queue->piece_cnt < PIECES_MAX; (*at)++) {
		struct request *request = &queue->requests[*at];
		uint64_t cnt = entries_left(request);
		bool apart = is_apart(request);
		size_t size = entry_bytes(request), room;

		if (!cnt)
			continue;
		room = (SCRATCH_BYTES - used) / (size + 8 * apart);
		if (!room)
			return;
		if (cnt > room)
			cnt = room;
		queue->pieces[queue->piece_cnt++] = (struct piece){.request = *at,
								   .first = request->done,
								   .cnt = cnt,
								   .range = queue->range_cnt};
		add_range(queue, request->address + request->done * size, cnt * size, &used);
		if (apart)
			add_range(queue, request->values + request->done * 8, cnt * 8, &used);
		request->done += cnt;
		if (entries_left(request))
			return;
	}
}

/*
 * Visits the items in one block of a deque, and requests the next block if there are more. The
 * items are between two links; in 2.7 they are in front of both, and the first link leads on.
 */
static int visit_deque(struct reference_queue *queue, struct request block, const uint8_t *bytes)
{
	uint32_t first = queue->census->major < 3 ? 0 : 1, cnt = queue->census->major < 3 ? 62 : 64;
	int err = 0;

	for (uint64_t i = block.first; i < cnt && block.cnt && !err; i++, block.cnt--)
		err = reference_visitor__visit(&queue->visitor, block.owner, REFERS_BY_INDEX,
					       word_at(bytes + (first + i) * 8), block.index++, 0);
	block.address = word_at(bytes + (first + cnt) * 8);
	block.first = 0;
	block.done = 0;
	if (!err && block.cnt)
		err = reference_visitor__visit(&queue->visitor, block.owner, REFERS_TO_BUFFER,
					       block.address, 0, 0);
	if (err || !block.cnt || !block.address)
		return err;
	err = ACCOUNT_RESERVE(queue->census->heap->account, queue->requests,
			      queue->request_capacity, queue->request_cnt + 1);
	if (err)
		return err;
	queue->requests[queue->request_cnt++] = block;
	return 0;
}

static int visit_entry(struct reference_queue *queue, struct request *request, const uint8_t *entry,
		       uint64_t value_apart)
{
	uint64_t key = word_at(entry + (request->words - 2) * 8),
		 value = request->values ? value_apart : word_at(entry + (request->words - 1) * 8);
	int err;

	if (!key || !value)
		return 0;
	err = reference_visitor__visit(&queue->visitor, request->owner, REFERS_AS_KEY, key,
				       request->index, 0);
	if (!err)
		err = reference_visitor__visit(&queue->visitor, request->owner, REFERS_BY_KEY,
					       value, request->index, key);
	request->index++;
	return err;
}

static int visit_values(struct reference_queue *queue, const struct request *request,
			const struct piece *piece, const uint8_t *values)
{
	int err = 0;

	for (uint64_t i = 0; i < piece->cnt && !err; i++)
		err = reference_visitor__visit(&queue->visitor, request->owner, REFERS_BY_ATTRIBUTE,
					       word_at(values + i * 8), piece->first + i,
					       request->names[piece->first + i]);
	return err;
}

static int visit_piece(struct reference_queue *queue, const struct piece *piece)
{
	struct request *request = &queue->requests[piece->request];
	const uint8_t *bytes = queue->ranges[piece->range].buffer,
		      *values = queue->ranges[piece->range + 1].buffer;
	bool has_hash_first = queue->census->major < 3;
	size_t size = entry_bytes(request);
	int err = 0;

	if (request->kind == REQUEST_DEQUE)
		return visit_deque(queue, *request, bytes);
	if (request->kind == REQUEST_VALUES)
		return visit_values(queue, request, piece, bytes);
	for (uint64_t i = 0; i < piece->cnt && !err; i++, bytes += size) {
		if (request->kind == REQUEST_ENTRIES)
			err = visit_entry(queue, request, bytes,
					  request->values ? word_at(values + i * 8) : 0UL);
		else if (request->kind == REQUEST_ITEMS)
			err = reference_visitor__visit(&queue->visitor, request->owner,
						       REFERS_BY_INDEX, word_at(bytes),
						       request->index++, 0);
		else if (word_at(bytes + has_hash_first * 8))
			err = reference_visitor__visit(&queue->visitor, request->owner,
						       REFERS_AS_ELEMENT,
						       word_at(bytes + has_hash_first * 8),
						       request->index++, 0);
	}
	return err;
}

static int read_pieces(struct reference_queue *queue)
{
	int err = 0;

	if (queue->piece_cnt)
		err = memory__read_ranges(queue->census->memory, queue->ranges, queue->range_cnt);
	for (size_t i = 0; i < queue->piece_cnt && !err; i++) {
		const struct piece *piece = &queue->pieces[i];
		const struct memory_range *range = &queue->ranges[piece->range];

		if (!range->failed &&
		    !(is_apart(&queue->requests[piece->request]) && range[1].failed))
			err = visit_piece(queue, piece);
	}
	return err;
}

int reference_queue__flush(struct reference_queue *queue)
{
	size_t cnt = queue->request_cnt;
	int err = 0;

	for (size_t from = 0; from < cnt && !err; from += KEYS_AT_ONCE)
		err = look_at_keys(queue, from,
				   from + KEYS_AT_ONCE < cnt ? from + KEYS_AT_ONCE : cnt);
	/* More requests may be added: a block of a deque leads to the next one. */
	for (size_t at = 0; at < queue->request_cnt && !err;) {
		pack(queue, &at);
		err = read_pieces(queue);
	}
	queue->request_cnt = 0;
	return err;
}
