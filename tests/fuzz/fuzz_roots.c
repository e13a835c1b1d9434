// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: wherever the lists of interpreters, threads and frames lead, finding the roots
 * terminates, and each root is an object with a label.
 *
 * Input: a byte for the version; then the words of the memory with interpreters, threads, frames
 * and code. Each is a byte for its kind (a number, an address in that memory, an object of the
 * heap, a name, eight literal bytes), and the operands of that kind.
 */
#include "fuzz.h"

#include <string.h>

#include "census/census_take.h"
#include "census/roots.h"
#include "fake_objects.h"
#include "target/offsets.h"
#include "util/cleanup.h"

#define STATE	    0x7f3300000000UL
#define STATE_BYTES 4096UL
#define WORDS_MAX   512
#define MEMORY_MAX  (64UL << 20)
#define NAMES	    8

static const struct {
	int major, minor;
} versions[] = {{2, 7}, {3, 6}, {3, 7}, {3, 8}, {3, 11}, {3, 12}};

/* Objects of the heap that words may point to. */
struct objects {
	uint64_t all[64];
	size_t cnt;
};

enum word_kind {
	WORD_SMALL,
	WORD_STATE,
	WORD_OBJECT,
	WORD_RAW,
	WORD_CNT,
};

static void add(struct objects *objects, uint64_t address)
{
	objects->all[objects->cnt++] = address;
}

/*
 * The layout of 3.8, as in fake_objects.h: for other versions most of it is invalid, which is
 * intended.
 */
static void add_objects(struct world *world, struct objects *objects)
{
	uint64_t names[NAMES], keys, dict;

	for (int i = 0; i < NAMES; i++) {
		char text[16] = "a_local";
		uint64_t words[10] = {1, world__class(STR), 0, 0, 0x64};

		if (i < 2)
			strcpy(text, i ? "builtins" : "sys");
		words[2] = strlen(text);
		memcpy(&words[6], text, sizeof(text));
		names[i] = world__add(world, 80, words, 10);
		add(objects, names[i]);
	}
	add(objects,
	    ADD(world, 80, 1, 1, 1, world__class(TUPLE), 3, names[2], names[3], names[4]) + HEAD);
	add(objects, ADD(world, 48, 1, 1, 1, world__class(POINT), 0) + HEAD);
	keys = ADD(world, 128, 1, 8, 0, 3, 2, ~0UL, 1, names[0], objects->all[NAMES], 1, names[1],
		   objects->all[NAMES]);
	dict = ADD(world, 64, 1, 1, 1, world__class(DICT), 2, 0, keys, 0) + HEAD;
	add(objects, dict);
}

static uint64_t take_word(struct fuzz_input *input, const struct objects *objects)
{
	uint16_t place;
	uint64_t word;

	switch (fuzz_input__byte(input) % WORD_CNT) {
	case WORD_SMALL:
		return fuzz_input__byte(input);
	case WORD_STATE:
		fuzz_input__take(input, &place, sizeof(place));
		return STATE + place * 8UL % STATE_BYTES;
	case WORD_OBJECT:
		return objects->all[fuzz_input__byte(input) % objects->cnt];
	default:
		fuzz_input__take(input, &word, sizeof(word));
		return word;
	}
}

static struct census *take_census(const struct world *world, int major, int minor)
{
	const struct census_options options = {.major = major,
					       .minor = minor,
					       .offsets = py_offsets__of_version(major, minor),
					       .refcnt_max = 1000};
	struct census *census;

	CHECK(!census__take(&census, world->heap, &world->memory.memory, &options));
	return census;
}

static void check_roots(const struct roots *roots, const struct graph *graph)
{
	for (size_t i = 0; i < roots->cnt; i++) {
		const struct root *root = &roots->roots[i];

		CHECK(root->node < graph->node_cnt);
		CHECK(graph__type(graph, root->node) != TYPE_NONE);
		CHECK(root->kind < ROOT_KIND_CNT && root->label < roots->label_cnt);
		CHECK(!i || roots->roots[i - 1].kind <= root->kind);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.bytes = data, .size = size};
	size_t version = fuzz_input__byte(&input) % ARRAY_SIZE(versions);
	int major = versions[version].major, minor = versions[version].minor;
	struct target target = {};
	struct runtime runtime = {.offsets = *py_offsets__of_version(major, minor),
				  .interpreters_head = STATE};
	const struct root_sources sources = {.target = &target, .runtime = &runtime};
	struct objects objects = {};
	struct roots roots = {};
	struct account *account;
	struct census *census;
	struct graph *graph;
	struct world world;

	CHECK(!account__new(&account, MEMORY_MAX, NULL));
	world__make(&world);
	world.memory.memory.account = account;
	add_objects(&world, &objects);
	fake_memory__map(&world.memory, STATE, 2 * STATE_BYTES);
	for (uint64_t at = 0; at < WORDS_MAX * 8UL && input.size; at += 8)
		*fake_memory__word(&world.memory, STATE + at) = take_word(&input, &objects);
	census = take_census(&world, major, minor);
	CHECK(!graph__build(&graph, census, false));
	CHECK(!roots__find(&roots, graph, &sources));
	check_roots(&roots, graph);
	roots__release(&roots);
	graph__free(graph);
	census__free(census);
	CHECK(!account__usage(account).used_bytes);
	account__close(account);
	world__release(&world);
	return 0;
}
