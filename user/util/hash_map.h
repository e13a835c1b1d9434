/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hash map: finds an entry by its key, a number such as an address in a target.
 *
 * Entries lie in the slots of one array (open addressing with linear probing). They are of one
 * size, which the owner chooses, and begin with a word that holds their key; a slot where it is 0
 * is free, so no key is 0. At least half of the slots are free, so that a search ends soon. Where
 * an entry is removed, those behind it move up: nothing marks the place. Keys may be chosen by a
 * hostile target (see util/hash.h).
 *
 * Of the libraries that there are (uthash, GLib, Judy), none takes memory from an account that may
 * refuse it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/account.h"
#include "util/hash.h"

/* Without slots an empty map. The first three are set by the owner, before anything is added. */
struct hash_map {
	size_t entry_bytes;	 /* of an entry: a multiple of 8; its first member is uint64_t */
	uint64_t value_bits;	 /* of that member: no part of the key; mostly none */
	struct account *account; /* where the memory comes from */
	size_t cnt;		 /* entries */
	size_t slot_cnt;	 /* a power of two, or 0 */
	uint8_t *slots;
};

/* An entry, by the number of its slot. */
static inline void *hash_map__slot(const struct hash_map *map, size_t at)
{
	return map->slots + at * map->entry_bytes;
}

/* The first word of an entry; 0: its slot is free. */
static inline uint64_t hash_map__word(const void *entry)
{
	return *(const uint64_t *)entry;
}

/* The number of the slot that holds @key, or of the free one where it belongs. Needs slots. */
static inline size_t hash_map__place(const struct hash_map *map, uint64_t key)
{
	size_t mask = map->slot_cnt - 1, at = hash__word(key) & mask;
	uint64_t word;

	while ((word = hash_map__word(hash_map__slot(map, at))) && (word ^ key) & ~map->value_bits)
		at = (at + 1) & mask;
	return at;
}

/* The entry of @key, or NULL. It is valid until an entry is added or removed. */
static inline void *hash_map__find(const struct hash_map *map, uint64_t key)
{
	void *entry;

	if (!map->cnt)
		return NULL;
	entry = hash_map__slot(map, hash_map__place(map, key));
	return hash_map__word(entry) ? entry : NULL;
}

/*
 * The entry of @key; if there is none, it is added, with zeros behind the key. Returns NULL with
 * errno EDQUOT or ENOMEM, and nothing has changed; or EINVAL for a key of 0.
 */
void *hash_map__add(struct hash_map *map, uint64_t key);

/*
 * For maps in which several entries may have the same key: adds one more that begins with @word, as
 * hash_map__add(), and goes on to the next one of the same key as @entry, or NULL.
 */
void *hash_map__add_another(struct hash_map *map, uint64_t word);
void *hash_map__find_another(const struct hash_map *map, const void *entry);

/* The entry behind @entry, in no particular order; NULL: the first one, and behind the last. */
void *hash_map__next(const struct hash_map *map, const void *entry);

/*
 * Makes room for @cnt entries in all: up to that number adding does not fail. Returns 0, -EDQUOT or
 * -ENOMEM.
 */
int hash_map__reserve(struct hash_map *map, size_t cnt);

/* Removes @entry, which is one of the map's. */
void hash_map__remove(struct hash_map *map, void *entry);

/*
 * Removes the entries for which @keep returns false; it may change what is behind their keys, and
 * may be called again for one that stays. Returns how many were removed.
 */
size_t hash_map__filter(struct hash_map *map, bool (*keep)(void *entry, void *context),
			void *context);

/* Removes all entries, and keeps the slots. */
void hash_map__clear(struct hash_map *map);

/* Gives back slots that are not needed for the entries there are and one more, if it can. */
void hash_map__shrink(struct hash_map *map);

/* Releases what the map holds; it is an empty one then, of the same entry size and account. */
void hash_map__release(struct hash_map *map);

/* Whether the next entry that is added doubles hash_map__bytes(), what the slots take. */
static inline bool hash_map__is_full(const struct hash_map *map)
{
	return (map->cnt + 1) * 2 > map->slot_cnt;
}

static inline size_t hash_map__bytes(const struct hash_map *map)
{
	return map->slot_cnt * map->entry_bytes;
}
