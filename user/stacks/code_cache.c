// SPDX-License-Identifier: BSD-2-Clause
/*
 * Entries are removed only when there is no room for another one, and then all at once that were
 * not used in this round: where code comes and goes, as with interpreters, most of it is gone, and
 * the rest is read again. The map itself counts as used memory, so that a stream of addresses that
 * hold no code cannot make it grow indefinitely either.
 */
#include "stacks/code_cache.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "util/cleanup.h"
#include "util/hash_map.h"

struct entry {
	uint64_t address;
	struct code_object *code; /* NULL: it could not be read, because of: */
	int err;
	uint32_t round; /* in which the entry was last checked */
};

struct code_cache {
	struct py_offsets offsets;
	struct hash_map entries;
	size_t round_cnt;  /* entries used in this round */
	size_t used_bytes; /* by code objects; the entries come on top */
	size_t bytes_max;
	struct code_object *unkept; /* the last result, if there was no room for it */
	uint32_t round;
	struct code_cache_counts counts;
};

int code_cache__new(struct code_cache **out, const struct py_offsets *offsets,
		    struct account *account, size_t bytes_max)
{
	_cleanup_(code_cache__freep) struct code_cache *cache = calloc(1, sizeof(*cache));
	int err;

	if (!cache)
		return -ENOMEM;
	cache->offsets = *offsets;
	cache->bytes_max = bytes_max;
	cache->entries = (struct hash_map){.entry_bytes = sizeof(struct entry), .account = account};
	err = hash_map__reserve(&cache->entries, 1);
	if (err)
		return err;
	*out = TAKE_PTR(cache);
	return 0;
}

void code_cache__free(struct code_cache *cache)
{
	if (!cache)
		return;
	for (const struct entry *entry = NULL; (entry = hash_map__next(&cache->entries, entry));)
		code_object__free(entry->code);
	hash_map__release(&cache->entries);
	code_object__free(cache->unkept);
	free(cache);
}

void code_cache__freep(struct code_cache **cache)
{
	code_cache__free(*cache);
}

static bool has_room(const struct code_cache *cache, size_t bytes)
{
	size_t used_bytes = cache->used_bytes + hash_map__bytes(&cache->entries);

	return used_bytes <= cache->bytes_max && bytes <= cache->bytes_max - used_bytes;
}

static void drop_code(struct code_cache *cache, struct entry *entry)
{
	cache->used_bytes -= code_object__cost_bytes(entry->code);
	code_object__free(entry->code);
	entry->code = NULL;
	entry->err = -ESTALE;
}

/*
 * Makes sure that there is room for an entry of @address. Returns 0, -ENOSPC if the cache or its
 * account is full, or -ENOMEM.
 */
static int reserve(struct code_cache *cache, uint64_t address)
{
	int err;

	if (hash_map__find(&cache->entries, address))
		return 0;
	if (hash_map__is_full(&cache->entries) &&
	    !has_room(cache, hash_map__bytes(&cache->entries)))
		return -ENOSPC;
	err = hash_map__reserve(&cache->entries, cache->entries.cnt + 1);
	return err == -EDQUOT ? -ENOSPC : err;
}

static bool is_of_this_round(void *item, void *context)
{
	struct code_cache *cache = context;
	struct entry *entry = item;

	if (entry->round != cache->round && entry->code)
		drop_code(cache, entry);
	return entry->round == cache->round;
}

/*
 * Drops entries that were not used in this round. Returns whether there were any. When nothing is
 * left to drop, this is called for each further address of the round, so it must not search all
 * entries to find that out.
 */
static bool drop_old(struct code_cache *cache)
{
	if (cache->round_cnt == cache->entries.cnt)
		return false;
	hash_map__filter(&cache->entries, is_of_this_round, cache);
	hash_map__shrink(&cache->entries);
	return true;
}

/* Whether the error is about the address, rather than about the process or us. */
static bool is_gone(int err)
{
	return err == -EFAULT || err == -EINVAL || err == -ESTALE;
}

/* Caches what was read, or that nothing could be read, if there is room. */
static int keep(struct code_cache *cache, uint64_t address, struct code_object **code, int err)
{
	size_t bytes = *code ? code_object__cost_bytes(*code) : 0;
	struct entry *entry;
	int full = reserve(cache, address);

	if ((full == -ENOSPC || (!full && !has_room(cache, bytes))) && drop_old(cache))
		full = reserve(cache, address);
	if (full == -ENOMEM)
		return full;
	if (full || !has_room(cache, bytes)) {
		cache->counts.unkept += *code != NULL;
		code_object__free(cache->unkept);
		cache->unkept = TAKE_PTR(*code);
		return err;
	}
	entry = hash_map__find(&cache->entries, address);
	cache->round_cnt += !entry || entry->round != cache->round;
	if (!entry)
		entry = hash_map__add(&cache->entries, address);
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

/* Makes sure that the entry has been checked in this round. */
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
	struct entry *entry;
	int err;

	if (!address)
		return -EINVAL;
	entry = hash_map__find(&cache->entries, address);
	err = entry ? check_entry(cache, memory, entry) : read_new(cache, memory, address);
	if (err)
		return err;
	entry = hash_map__find(&cache->entries, address);
	*out = entry && entry->code ? entry->code : cache->unkept;
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
