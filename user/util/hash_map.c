// SPDX-License-Identifier: BSD-2-Clause
#include "util/hash_map.h"

#include <errno.h>
#include <string.h>

#define SLOTS_MIN 64

/* The slot where a search starts for the key in @word, the first word of an entry. */
static size_t home_of(const struct hash_map *map, uint64_t word)
{
	return hash__word(word & ~map->value_bits) & (map->slot_cnt - 1);
}

/* The first free slot for an entry with this first word, even if its key is already present. */
static void *find_free(const struct hash_map *map, uint64_t word)
{
	size_t mask = map->slot_cnt - 1, at = home_of(map, word);

	while (hash_map__word(hash_map__slot(map, at)))
		at = (at + 1) & mask;
	return hash_map__slot(map, at);
}

/* Most entries are a few words long, so memcpy() would be slower. */
static void copy_entry(const struct hash_map *map, void *to, const void *from)
{
	for (size_t i = 0; i < map->entry_bytes / sizeof(uint64_t); i++)
		((uint64_t *)to)[i] = ((const uint64_t *)from)[i];
}

/* Moves the entries to an array of @slot_cnt slots. On failure nothing has changed. */
static int resize(struct hash_map *map, size_t slot_cnt)
{
	struct hash_map resized = *map;

	resized.slot_cnt = slot_cnt;
	resized.slots = account__calloc(map->account, slot_cnt, map->entry_bytes);
	if (!resized.slots)
		return -errno;
	for (size_t i = 0; i < map->slot_cnt; i++) {
		const void *entry = hash_map__slot(map, i);

		if (hash_map__word(entry))
			copy_entry(map, find_free(&resized, hash_map__word(entry)), entry);
	}
	account__free(map->slots);
	*map = resized;
	return 0;
}

/* The minimum number of slots for @cnt entries. */
static size_t slots_for(size_t cnt)
{
	size_t slot_cnt = SLOTS_MIN;

	while (slot_cnt / 2 < cnt)
		slot_cnt *= 2;
	return slot_cnt;
}

int hash_map__reserve(struct hash_map *map, size_t cnt)
{
	if (cnt > SIZE_MAX / 4)
		return -ENOMEM;
	return map->slot_cnt / 2 < cnt || !map->slot_cnt ? resize(map, slots_for(cnt)) : 0;
}

void *hash_map__add_another(struct hash_map *map, uint64_t word)
{
	int err = word ? hash_map__reserve(map, map->cnt + 1) : -EINVAL;
	void *entry;

	if (err) {
		errno = -err;
		return NULL;
	}
	entry = find_free(map, word);
	*(uint64_t *)entry = word;
	map->cnt++;
	return entry;
}

void *hash_map__add(struct hash_map *map, uint64_t key)
{
	void *entry = hash_map__find(map, key);

	return entry ? entry : hash_map__add_another(map, key);
}

static size_t slot_of(const struct hash_map *map, const void *entry)
{
	return (size_t)((const uint8_t *)entry - map->slots) / map->entry_bytes;
}

void *hash_map__find_another(const struct hash_map *map, const void *entry)
{
	size_t mask = map->slot_cnt - 1;
	uint64_t wanted = hash_map__word(entry), word;

	for (size_t at = (slot_of(map, entry) + 1) & mask;
	     (word = hash_map__word(hash_map__slot(map, at))); at = (at + 1) & mask)
		if (!((word ^ wanted) & ~map->value_bits))
			return hash_map__slot(map, at);
	return NULL;
}

void *hash_map__next(const struct hash_map *map, const void *entry)
{
	for (size_t at = entry ? slot_of(map, entry) + 1 : 0; at < map->slot_cnt; at++)
		if (hash_map__word(hash_map__slot(map, at)))
			return hash_map__slot(map, at);
	return NULL;
}

void hash_map__remove(struct hash_map *map, void *entry)
{
	size_t mask = map->slot_cnt - 1, hole = slot_of(map, entry);
	uint64_t word;

	for (size_t at = (hole + 1) & mask; (word = hash_map__word(hash_map__slot(map, at)));
	     at = (at + 1) & mask) {
		size_t home = home_of(map, word);

		/* An entry may fill the hole unless its home is between the hole and the entry. */
		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		copy_entry(map, hash_map__slot(map, hole), hash_map__slot(map, at));
		hole = at;
	}
	memset(hash_map__slot(map, hole), 0, map->entry_bytes);
	map->cnt--;
}

size_t hash_map__filter(struct hash_map *map, bool (*keep)(void *entry, void *context),
			void *context)
{
	size_t before = map->cnt;

	for (size_t i = 0; i < map->slot_cnt;) {
		void *entry = hash_map__slot(map, i);

		if (!hash_map__word(entry) || keep(entry, context))
			i++;
		else /* look next at the entry that moved into the slot */
			hash_map__remove(map, entry);
	}
	return before - map->cnt;
}

void hash_map__clear(struct hash_map *map)
{
	if (map->slots)
		memset(map->slots, 0, hash_map__bytes(map));
	map->cnt = 0;
}

void hash_map__shrink(struct hash_map *map)
{
	size_t slot_cnt = slots_for(map->cnt + 1);

	/* Lack of memory for both arrays at once is not an error. */
	if (slot_cnt < map->slot_cnt)
		(void)resize(map, slot_cnt);
}

void hash_map__release(struct hash_map *map)
{
	account__free(map->slots);
	*map = (struct hash_map){.entry_bytes = map->entry_bytes,
				 .value_bits = map->value_bits,
				 .account = map->account};
}
