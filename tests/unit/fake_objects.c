// SPDX-License-Identifier: BSD-2-Clause
#include "fake_objects.h"

#include <string.h>

#include "census/census_take.h"
#include "prng.h"
#include "target/offsets.h"
#include "unit_test.h"

static const struct fake_type classes[CLASS_CNT] = {
	[STR] = {.flags = TYPE_UNICODE_SUBCLASS, .basic_size = 80, .name = "str"},
	[DICT] = {.flags = TYPE_HAVE_GC | TYPE_DICT_SUBCLASS, .basic_size = 48, .name = "dict"},
	[LIST] = {.flags = TYPE_HAVE_GC | TYPE_LIST_SUBCLASS, .basic_size = 40, .name = "list"},
	[SET] = {.flags = TYPE_HAVE_GC, .basic_size = 200, .name = "set"},
	[POINT] = {.flags = TYPE_HAVE_GC | TYPE_HEAPTYPE,
		   .basic_size = 32,
		   .dict_offset = 16,
		   .name = "Point"},
	[LINKED] = {.flags = TYPE_HAVE_GC, .basic_size = 32, .name = "pkg.linked"},
	[TUPLE] = {.flags = TYPE_HAVE_GC | TYPE_TUPLE_SUBCLASS,
		   .basic_size = 24,
		   .item_size = 8,
		   .name = "tuple"},
};

uint64_t world__class(enum class_id id)
{
	return TYPES + id * 4 * FAKE_TYPE_BYTES;
}

void world__make(struct world *world)
{
	*world = (struct world){};
	fake_memory__init(&world->memory);
	fake_type__map_type(&world->memory);
	for (enum class_id id = 0; id < CLASS_CNT; id++) {
		struct fake_type class = classes[id];

		class.address = world__class(id);
		class.metatype = FAKE_TYPE_TYPE;
		fake_type__map(&world->memory, &class);
	}
	world->heap = sample_heap__new_empty(&sample_geometry);
	assert_int_equal(heap__add_region(world->heap, ARENA, world->heap->layout.region_size), 0);
	fake_memory__map(&world->memory, ARENA, SAMPLE_ARENA_BYTES);
}

void world__release(struct world *world)
{
	heap__free(world->heap);
	fake_memory__release(&world->memory);
}

uint64_t world__add(struct world *world, uint32_t size, const uint64_t *words, size_t cnt)
{
	uint8_t class = SAMPLE_CLASS(size);
	uint64_t block =
		sample_heap__add_block(world->heap, POOL(class), class, world->next[class]++);

	if (cnt)
		memcpy(fake_memory__at(&world->memory, block, cnt * 8), words, cnt * 8);
	return block;
}

uint64_t world__add_text(struct world *world, const char *text)
{
	uint64_t block = ADD(world, 64, 1, world__class(STR), strlen(text), 0, 0xe5);

	strcpy(fake_memory__at(&world->memory, block + 48, 16), text);
	return block;
}

/* refcnt, size, lookup, usable, entries; 8 indices; hash, key, value for each entry */
uint64_t world__add_keys(struct world *world, uint64_t first_key, uint64_t first,
			 uint64_t other_key, uint64_t other)
{
	return ADD(world, 112, 1, 8, 0, 3, 2, 0, 0, first_key, first, 0, other_key, other);
}

uint64_t world__add_dict(struct world *world, uint64_t first_key, uint64_t first,
			 uint64_t other_key, uint64_t other)
{
	uint64_t keys = world__add_keys(world, first_key, first, other_key, other);

	return ADD(world, 64, 1, 1, 1, world__class(DICT), 2, 1, keys, 0) + HEAD;
}

uint64_t world__add_list(struct world *world, const uint64_t *items, size_t cnt)
{
	uint64_t block = world__add(world, (uint32_t)(cnt * 8 + 15) & ~15U, items, cnt);

	return ADD(world, 64, 1, 1, 1, world__class(LIST), cnt, block, cnt) + HEAD;
}

void world__add_nonsense(struct world *world, uint64_t *random)
{
	for (int i = 0; i < 200; i++) {
		uint64_t words[64];
		uint32_t size = (prng__below(random, 32) + 1) * 16;

		if (world->next[size / 16 - 1] >= 4048 / size)
			continue;
		for (size_t w = 0; w < size / 8; w++) {
			switch (prng__below(random, 5)) {
			case 0:
				words[w] = world__class(prng__below(random, CLASS_CNT));
				break;
			case 1:
				words[w] = ARENA + prng__below(random, SAMPLE_ARENA_BYTES);
				break;
			case 2:
				words[w] = FAKE_TYPE_TYPE;
				break;
			case 3:
				words[w] = prng__next(random);
				break;
			default:
				words[w] = prng__below(random, 4);
			}
		}
		world__add(world, size, words, size / 8);
	}
}

int world__try(const struct world *world, struct census **out)
{
	const struct census_options options = {.major = 3,
					       .minor = 8,
					       .offsets = py_offsets__of_version(3, 8),
					       .refcnt_max = 1000};

	return census__take(out, world->heap, &world->memory.memory, &options);
}

struct census *world__take(const struct world *world)
{
	struct census *census;

	assert_int_equal(world__try(world, &census), 0);
	return census;
}
