// SPDX-License-Identifier: BSD-2-Clause
/*
 * Open addressing, as the block map has it. Entries are taken out only when there is no room for
 * another one, then all at once that were not asked for in this round: where code comes and goes,
 * as with interpreters, most of it is gone, and what is not is read again. The table itself counts
 * as used memory, so that a stream of addresses that hold no code cannot make it grow without end
 * either.
 */
#include "stacks/code_cache.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "util/cleanup.h"
#include "util/hash.h"

#define SLOTS_INITIAL 64

struct entry {
	uint64_t address;	  /* 0: an empty slot */
	struct code_object *code; /* NULL: not to be had, because of: */
	int err;
	uint32_t round; /* in which that was seen */
};

struct code_cache {
	struct py_offsets offsets;
	struct account *account;
	struct entry *slots;
	size_t slot_cnt; /* a power of two */
	size_t entry_cnt;
	size_t round_cnt; /* of these, asked for in this round */
	size_t used_bytes, bytes_max;
	struct code_object *unkept; /* what was asked for last, if it could not be kept */
	uint32_t round;
	struct code_cache_counts counts;
};

int code_cache__new(struct code_cache **out, const struct py_offsets *offsets,
		    struct account *account, size_t bytes_max)
{
	_cleanup_(code_cache__freep) struct code_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return -ENOMEM;
	cache->offsets = *offsets;
	cache->bytes_max = bytes_max;
	cache->slot_cnt = SLOTS_INITIAL;
	cache->account = account;
	cache->slots = account__calloc(account, cache->slot_cnt, sizeof(*cache->slots));
	if (!cache->slots)
		return -errno;
	cache->used_bytes = cache->slot_cnt * sizeof(*cache->slots);
	*out = TAKE_PTR(cache);
	return 0;
}

void code_cache__free(struct code_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < cache->slot_cnt && cache->slots; i++)
		code_object__free(cache->slots[i].code);
	account__free(cache->slots);
	code_object__free(cache->unkept);
	free(cache);
}

void code_cache__freep(struct code_cache **cache)
{
	code_cache__free(*cache);
}

/* The slot that holds @address, or the empty one where it belongs. */
static struct entry *find_slot(const struct code_cache *cache, uint64_t address)
{
	size_t mask = cache->slot_cnt - 1;
	size_t at = hash__word(address) & mask;

	while (cache->slots[at].address && cache->slots[at].address != address)
		at = (at + 1) & mask;
	return &cache->slots[at];
}

static bool has_room(const struct code_cache *cache, size_t bytes)
{
	return cache->used_bytes <= cache->bytes_max &&
	       bytes <= cache->bytes_max - cache->used_bytes;
}

static void drop_code(struct code_cache *cache, struct entry *entry)
{
	cache->used_bytes -= code_object__cost_bytes(entry->code);
	code_object__free(entry->code);
	entry->code = NULL;
	entry->err = -ESTALE;
}

/*
 * Moves to a table of @slot_cnt slots what was asked for in this round, and with @with_old the
 * rest, too; else that is dropped. Returns 0, -EDQUOT or -ENOMEM, and then nothing has changed.
 */
static int rehash(struct code_cache *cache, size_t slot_cnt, bool with_old)
{
	struct entry *old = cache->slots,
		     *slots = account__calloc(cache->account, slot_cnt, sizeof(*slots));
	size_t old_cnt = cache->slot_cnt;

	if (!slots)
		return -errno;
	cache->slots = slots;
	cache->slot_cnt = slot_cnt;
	cache->entry_cnt = 0;
	cache->used_bytes += slot_cnt * sizeof(*slots);
	cache->used_bytes -= old_cnt * sizeof(*slots);
	for (size_t i = 0; i < old_cnt; i++) {
		if (old[i].address && (with_old || old[i].round == cache->round)) {
			*find_slot(cache, old[i].address) = old[i];
			cache->entry_cnt++;
		} else if (old[i].code) {
			drop_code(cache, &old[i]);
		}
	}
	account__free(old);
	return 0;
}

/*
 * Makes sure that one more entry finds a slot. Returns 0, -ENOSPC if the cache is full or its
 * account, or -ENOMEM.
 */
static int reserve_slot(struct code_cache *cache)
{
	size_t cnt = cache->slot_cnt;
	int err;

	if ((cache->entry_cnt + 1) * 2 <= cnt)
		return 0;
	if (!has_room(cache, cnt * sizeof(*cache->slots)))
		return -ENOSPC;
	err = rehash(cache, cnt * 2, true);
	return err == -EDQUOT ? -ENOSPC : err;
}

/*
 * Drops what was not asked for in this round. Returns whether that was anything, and there was
 * memory to do it. When nothing is left to drop, this is called for each further address of the
 * round, so it may not look through the table to find that out.
 */
static bool drop_old(struct code_cache *cache)
{
	size_t slot_cnt = SLOTS_INITIAL;

	if (cache->round_cnt == cache->entry_cnt)
		return false;
	while (slot_cnt < 2 * (cache->round_cnt + 1))
		slot_cnt *= 2;
	return !rehash(cache, slot_cnt, false);
}

/* Whether that says something of the address, rather than of the process or of us. */
static bool is_gone(int err)
{
	return err == -EFAULT || err == -EINVAL || err == -ESTALE;
}

/* Puts what was read, or that nothing could be, where it is found again, if there is room. */
static int keep(struct code_cache *cache, uint64_t address, struct code_object **code, int err)
{
	size_t bytes = *code ? code_object__cost_bytes(*code) : 0;
	struct entry *entry;
	int full = find_slot(cache, address)->address ? 0 : reserve_slot(cache);

	if ((full == -ENOSPC || (!full && !has_room(cache, bytes))) && drop_old(cache))
		full = find_slot(cache, address)->address ? 0 : reserve_slot(cache);
	if (full == -ENOMEM)
		return full;
	if (full || !has_room(cache, bytes)) {
		cache->counts.unkept += *code != NULL;
		code_object__free(cache->unkept);
		cache->unkept = TAKE_PTR(*code);
		return err;
	}
	entry = find_slot(cache, address);
	cache->entry_cnt += !entry->address;
	cache->round_cnt += !entry->address || entry->round != cache->round;
	cache->used_bytes += bytes;
	*entry = (struct entry){address, TAKE_PTR(*code), err, cache->round};
	return err;
}

static int read_new(struct code_cache *cache, const struct memory *memory, uint64_t address)
{
	_cleanup_(code_object__freep) struct code_object *code = NULL;
	int err;

	err = code_object__read(&code, memory, &cache->offsets, address);
	if (err && !is_gone(err))
		return err;
	if (err)
		cache->counts.gone++;
	else
		cache->counts.named++;
	return keep(cache, address, &code, err);
}

/* Sees to it that the entry is of this round. */
static int check_entry(struct code_cache *cache, const struct memory *memory, struct entry *entry)
{
	int same;

	if (entry->round == cache->round)
		return entry->err;
	if (entry->code) {
		same = code_object__is_same(entry->code, memory, &cache->offsets);
		if (same < 0 && !is_gone(same))
			return same;
		if (same == 1) {
			entry->round = cache->round;
			cache->round_cnt++;
			return 0;
		}
		cache->counts.changed += same == 0;
		drop_code(cache, entry);
	}
	return read_new(cache, memory, entry->address);
}

int code_cache__get(struct code_cache *cache, const struct memory *memory, uint64_t address,
		    const struct code_object **out)
{
	const struct code_object *code;
	struct entry *entry;
	int err;

	if (!address)
		return -EINVAL;
	entry = find_slot(cache, address);
	err = entry->address ? check_entry(cache, memory, entry) : read_new(cache, memory, address);
	if (err)
		return err;
	code = find_slot(cache, address)->code;
	*out = code ? code : cache->unkept;
	return 0;
}

void code_cache__begin_round(struct code_cache *cache)
{
	cache->round++;
	cache->round_cnt = 0;
}

const struct code_cache_counts *code_cache__counts(const struct code_cache *cache)
{
	return &cache->counts;
}
