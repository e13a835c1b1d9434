// SPDX-License-Identifier: BSD-2-Clause
/*
 * The last word of our header is where glibc looks for the size of a chunk. It encodes our size so
 * that free() and realloc() see an impossible chunk and abort. In turn, the size word of a chunk
 * from malloc is never a valid word of ours.
 */
#include "util/account.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct account {
	struct account *parent;
	uint64_t limit_bytes;
	atomic_uint_least64_t used_bytes, peak_bytes, refused;
	atomic_uint_least64_t holder_cnt; /* the owner, child accounts, and each allocation */
	atomic_uint_least64_t asked_cnt, refuse_at;
};

struct header {
	struct account *account;
	uint64_t word; /* see word_of_size() */
};

/* malloc's chunks are multiples of 16 bytes, with an overhead of 8 (glibc). */
#define CHUNK_ALIGNMENT 16UL
#define CHUNK_OVERHEAD	8UL
/* Larger sizes do not fit into a word. */
#define SIZE_MAX_BYTES (1UL << 48)

static uint64_t word_of_size(uint64_t size)
{
	return ~(size << 4 | 15);
}

static struct header *header_of(void *pointer)
{
	struct header *header = (struct header *)pointer - 1;

	if (header->word >> 52 != 0xfff || header->word & 15) {
		fprintf(stderr,
			"pyfrag: internal error: this memory was not allocated by an account, "
			"or was freed before\n");
		abort();
	}
	return header;
}

static uint64_t size_of(const struct header *header)
{
	return ~header->word >> 4;
}

/* Bytes that an allocation of @size bytes takes, with all overhead. */
static uint64_t cost_bytes(uint64_t size)
{
	return (size + sizeof(struct header) + CHUNK_OVERHEAD + CHUNK_ALIGNMENT - 1) &
	       ~(CHUNK_ALIGNMENT - 1);
}

int account__new(struct account **out, uint64_t limit_bytes, struct account *parent)
{
	struct account *account = calloc(1, sizeof(*account));

	if (!account)
		return -ENOMEM;
	account->limit_bytes = limit_bytes;
	account->parent = parent;
	account->holder_cnt = 1;
	if (parent)
		atomic_fetch_add(&parent->holder_cnt, 1);
	*out = account;
	return 0;
}

void account__close(struct account *account)
{
	while (account && atomic_fetch_sub(&account->holder_cnt, 1) == 1) {
		struct account *parent = account->parent;

		free(account);
		account = parent;
	}
}

static void note_peak(struct account *account, uint64_t used)
{
	uint64_t peak = atomic_load(&account->peak_bytes);

	while (used > peak && !atomic_compare_exchange_weak(&account->peak_bytes, &peak, used))
		;
}

/* Charges @bytes to this account alone. */
static bool take(struct account *account, uint64_t bytes)
{
	uint64_t used = atomic_load(&account->used_bytes);

	do {
		if (bytes > account->limit_bytes || used > account->limit_bytes - bytes)
			return false;
	} while (!atomic_compare_exchange_weak(&account->used_bytes, &used, used + bytes));
	note_peak(account, used + bytes);
	return true;
}

/* Uncharges @bytes from @account and its ancestors, up to but excluding @end. */
static void give_back(struct account *account, const struct account *end, uint64_t bytes)
{
	for (; account != end; account = account->parent)
		atomic_fetch_sub(&account->used_bytes, bytes);
}

/*
 * Chunks of at least this size are unmapped when freed, and so is free memory beyond this size at
 * the end of the heap. It must hold the few buffers of 1 MiB that each reading needs: mapping them
 * again for each process costs page faults that take as long as half of a first reading.
 */
#define KEPT_BYTES (4 << 20)

void account__keep_little_freed(void)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
	mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
}

static bool is_refused_by_test(struct account *account)
{
	return atomic_load(&account->refuse_at) &&
	       atomic_fetch_add(&account->asked_cnt, 1) + 1 == atomic_load(&account->refuse_at);
}

static void count_refusal(struct account *account)
{
	for (; account; account = account->parent)
		atomic_fetch_add(&account->refused, 1);
	errno = EDQUOT;
}

/* Charges @bytes to @account and all its ancestors, or to none of them. */
static bool charge(struct account *account, uint64_t bytes)
{
	if (account && is_refused_by_test(account)) {
		count_refusal(account);
		return false;
	}
	for (struct account *at = account; at; at = at->parent) {
		if (take(at, bytes))
			continue;
		give_back(account, at, bytes);
		count_refusal(account);
		return false;
	}
	return true;
}

static void *hand_out(struct header *header, struct account *account, size_t size)
{
	header->account = account;
	header->word = word_of_size(size);
	return header + 1;
}

/* Like malloc(), or calloc() if @zeroed. */
static void *allocate(struct account *account, size_t size, bool zeroed)
{
	struct header *header;

	if (size > SIZE_MAX_BYTES) {
		errno = ENOMEM;
		return NULL;
	}
	if (!charge(account, cost_bytes(size)))
		return NULL;
	header = zeroed ? calloc(1, sizeof(*header) + size) : malloc(sizeof(*header) + size);
	if (!header) {
		give_back(account, NULL, cost_bytes(size));
		return NULL;
	}
	if (account)
		atomic_fetch_add(&account->holder_cnt, 1);
	return hand_out(header, account, size);
}

void *account__alloc(struct account *account, size_t size)
{
	return allocate(account, size, false);
}

void *account__calloc(struct account *account, size_t cnt, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(cnt, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return allocate(account, bytes, true);
}

void *account__realloc(struct account *account, void *pointer, size_t size)
{
	struct header *header, *moved;
	uint64_t before, after;

	if (!pointer)
		return account__alloc(account, size);
	header = header_of(pointer);
	if (size > SIZE_MAX_BYTES) {
		errno = ENOMEM;
		return NULL;
	}
	account = header->account;
	before = cost_bytes(size_of(header));
	after = cost_bytes(size);
	if (after > before && !charge(account, after - before))
		return NULL;
	moved = realloc(header, sizeof(*header) + size);
	if (!moved) {
		if (after > before)
			give_back(account, NULL, after - before);
		return NULL;
	}
	if (after < before)
		give_back(account, NULL, before - after);
	return hand_out(moved, account, size);
}

char *account__strdup(struct account *account, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = account__alloc(account, size);

	return copy ? memcpy(copy, text, size) : NULL;
}

void account__free(void *pointer)
{
	struct account *account;
	struct header *header;

	if (!pointer)
		return;
	header = header_of(pointer);
	account = header->account;
	give_back(account, NULL, cost_bytes(size_of(header)));
	header->word = 0;
	free(header);
	account__close(account);
}

int account__reserve(struct account *account, void **items, size_t *capacity, size_t cnt,
		     size_t item_size)
{
	size_t grown = *capacity + *capacity / 2, bytes;
	void *moved;

	if (cnt <= *capacity)
		return 0;
	if (grown < cnt)
		grown = cnt;
	if (grown < 16)
		grown = 16;
	if (__builtin_mul_overflow(grown, item_size, &bytes))
		return -ENOMEM;
	moved = account__realloc(account, *items, bytes);
	if (!moved)
		return -errno;
	*items = moved;
	*capacity = grown;
	return 0;
}

/*
 * This memory only reserves the charge and is never used: the C library allocates its own (msort.c
 * of glibc).
 */
int account__sort_r(struct account *account, void *items, size_t cnt, size_t item_size,
		    int (*compare)(const void *, const void *, void *), void *context)
{
	_cleanup_account_free_ void *merged = account__alloc(account, cnt * item_size);

	if (!merged)
		return -errno;
	if (cnt)
		qsort_r(items, cnt, item_size, compare, context);
	return 0;
}

static int compare_plainly(const void *left, const void *right, void *context)
{
	int (**compare)(const void *, const void *) = context;

	return (*compare)(left, right);
}

int account__sort(struct account *account, void *items, size_t cnt, size_t item_size,
		  int (*compare)(const void *, const void *))
{
	return account__sort_r(account, items, cnt, item_size, compare_plainly, &compare);
}

int account__check_room(struct account *account, uint64_t bytes)
{
	for (struct account *at = account; at; at = at->parent) {
		uint64_t used = atomic_load(&at->used_bytes);

		if (bytes <= at->limit_bytes && used <= at->limit_bytes - bytes)
			continue;
		count_refusal(account);
		return -EDQUOT;
	}
	return 0;
}

struct account_usage account__usage(const struct account *account)
{
	if (!account)
		return (struct account_usage){.limit_bytes = UINT64_MAX};
	return (struct account_usage){
		.limit_bytes = account->limit_bytes,
		.used_bytes = atomic_load(&account->used_bytes),
		.peak_bytes = atomic_load(&account->peak_bytes),
		.refused = atomic_load(&account->refused),
	};
}

void account__refuse_nth(struct account *account, uint64_t nth)
{
	atomic_store(&account->asked_cnt, 0);
	atomic_store(&account->refuse_at, nth);
}
