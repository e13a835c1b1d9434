/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hash map: finds an entry by its key, a number such as an address in a target.
 *
 * Entries are stored in the slots of one array (open addressing with linear probing). They have a
 * fixed size, which the owner chooses, and start with a word that contains the key; a slot whose
 * first word is 0 is free, so 0 is not a valid key. At least half of the slots are free, so that
 * searches are short. When an entry is removed, those after it move up; there are no tombstones. A
 * hostile target may choose the keys (see util/hash.h).
 *
 * No existing library (uthash, GLib, Judy) takes memory from an account that may refuse it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/account.h"
#include "util/hash.h"

/* Empty without slots. The owner sets the first three members before anything is added. */
struct hash_map {
	size_t entry_bytes;  /* size of an entry, a multiple of 8; its first member is uint64_t */
	uint64_t value_bits; /* bits of that member that are not part of the key; usually 0 */
	struct account *account; /* to which the memory is charged */
	size_t cnt;		 /* number of entries */
	size_t slot_cnt;	 /* a power of two, or 0 */
	uint8_t *slots;
};

/* The entry in slot @at. */
static inline void *hash_map__slot(const struct hash_map *map, size_t at)
{
	return map->slots + at * map->entry_bytes;
}

/* The first word of an entry; 0 if the slot is free. */
static inline uint64_t hash_map__word(const void *entry)
{
	return *(const uint64_t *)entry;
}

/* The slot that contains @key, or the free slot where it belongs. The map must have slots. */
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
 * Returns the entry of @key; if there is none, adds it, with zeros after the key. Returns NULL with
 * errno EDQUOT or ENOMEM, or EINVAL if @key is 0; then nothing has changed.
 */
void *hash_map__add(struct hash_map *map, uint64_t key);

/*
 * For maps with several entries per key: adds another entry that starts with @word, with the errors
 * of hash_map__add(); and returns the next entry with the same key as @entry, or NULL.
 */
void *hash_map__add_another(struct hash_map *map, uint64_t word);
void *hash_map__find_another(const struct hash_map *map, const void *entry);

/*
 * Iterates over the entries in no particular order: returns the entry after @entry, or the first
 * one if that is NULL; NULL after the last one.
 */
void *hash_map__next(const struct hash_map *map, const void *entry);

/*
 * Makes room for @cnt entries in total; adding does not fail up to that number. Returns 0, -EDQUOT
 * or -ENOMEM.
 */
int hash_map__reserve(struct hash_map *map, size_t cnt);

/* Removes @entry, which must be in the map. */
void hash_map__remove(struct hash_map *map, void *entry);

/*
 * Removes the entries for which @keep returns false. @keep may modify an entry except its key, and
 * may be called again for an entry that it has kept. Returns how many were removed.
 */
size_t hash_map__filter(struct hash_map *map, bool (*keep)(void *entry, void *context),
			void *context);

/* Removes all entries but keeps the slots. */
void hash_map__clear(struct hash_map *map);

/* Frees slots that are not needed for the existing entries and one more, if memory allows. */
void hash_map__shrink(struct hash_map *map);

/* Frees the slots. The map is then empty, with the same entry size and account. */
void hash_map__release(struct hash_map *map);

/* Whether adding another entry would double hash_map__bytes(), the size of all slots. */
static inline bool hash_map__is_full(const struct hash_map *map)
{
	return (map->cnt + 1) * 2 > map->slot_cnt;
}

static inline size_t hash_map__bytes(const struct hash_map *map)
{
	return map->slot_cnt * map->entry_bytes;
}
