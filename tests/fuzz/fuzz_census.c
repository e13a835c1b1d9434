// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: whatever the blocks of a heap contain, and whatever their types claim, the census of
 * its objects, the search for referrers, the search for paths and the tree of what they retain
 * terminate. The census counts every live block once, every reference leads to an existing block,
 * and no row of the tree retains more than the one above it.
 *
 * Input: a byte for the version, and for whether the heap is one of pymalloc or of malloc, where
 * each block is a chunk; and one for the number of types beside the genuine ones. Each type
 * is a byte for the type it resembles, one for its name, and one for the number of words that are
 * changed; for each of these, a byte for its place, and the word. Then blocks: each is a byte for
 * its size, then its words. A word is a byte for its kind (a count, a type, a block or an address
 * inside one, an object outside of the arena, an extreme number, or eight literal bytes), and the
 * operands of that kind.
 */
#include "fuzz.h"

#include "analysis/census_kinds.h"
#include "census/census_take.h"
#include "census/path_text.h"
#include "census/referrers.h"
#include "census/retained_tree.h"
#include "census/retention.h"
#include "census/value.h"
#include "fake_objects.h"
#include "malloc/chunk.h"
#include "malloc/malloc_layout.h"
#include "target/offsets.h"
#include "util/cleanup.h"

#define OUTSIDE	      0x7f7700000000UL
#define OUTSIDE_BYTES 4096UL
#define LIARS	      0x7f6600000000UL
#define LIARS_MAX     8
#define NAME_AT	      512 /* in the page of a type */
#define NAME_BYTES    32
#define BLOCKS_MAX    256
#define PATHS_MAX     64

enum word_kind {
	WORD_SMALL,
	WORD_CLASS,
	WORD_BLOCK,
	WORD_OUTSIDE,
	WORD_TYPE,
	WORD_RAW,
	WORD_LIAR,
	WORD_EXTREME,
	WORD_CNT,
};

static const struct {
	int major, minor;
} versions[] = {{3, 8}, {2, 7}, {3, 6}, {3, 7}, {3, 11}, {3, 12}};

/* Limits of sizes and offsets, and of arithmetic on them. */
static const uint64_t extremes[] = {
	INT64_MAX,
	1UL << 63,
	INT64_MAX - 7,
	UINT64_MAX,
	UINT64_MAX - 7,
	UINT64_MAX - 23,
	(1UL << 62),
	1UL << 56,
	(1UL << 56) - 8,
	1UL << 32,
	UINT32_MAX,
	(1UL << 20) + 1,
	1UL << 20,
	511,
	4096,
};

/* The type names that the reader knows, and unusual ones. */
static const char *const names[] = {
	"list",	    "set",	 "frozenset", "collections.deque",
	"frame",    "generator", "weakref",   "float",
	"code",	    "dict",	 "type",      "bool",
	"function", "module",	 "",	      "\x1b[2J\n",
	"\xff\x01",
};

static uint64_t liar_at(uint32_t number)
{
	return LIARS + number % LIARS_MAX * 4096UL;
}

static uint64_t take_word(struct fuzz_input *input)
{
	uint16_t place;
	uint64_t word;

	switch (fuzz_input__byte(input) % WORD_CNT) {
	case WORD_SMALL:
		return fuzz_input__byte(input);
	case WORD_CLASS:
		return world__class(fuzz_input__byte(input) % CLASS_CNT);
	case WORD_BLOCK:
		fuzz_input__take(input, &place, sizeof(place));
		return ARENA + place * 8UL % SAMPLE_ARENA_BYTES;
	case WORD_OUTSIDE:
		return OUTSIDE + fuzz_input__byte(input) * 8UL % OUTSIDE_BYTES;
	case WORD_TYPE:
		return FAKE_TYPE_TYPE;
	case WORD_LIAR:
		return liar_at(fuzz_input__byte(input));
	case WORD_EXTREME:
		return extremes[fuzz_input__byte(input) % ARRAY_SIZE(extremes)];
	default:
		fuzz_input__take(input, &word, sizeof(word));
		return word;
	}
}

/* Adds a type that resembles another except for some of its words. */
static void add_liar(struct world *world, uint64_t address, struct fuzz_input *input)
{
	uint8_t like = fuzz_input__byte(input) % (CLASS_CNT + 1), name = fuzz_input__byte(input);
	uint64_t model = like == CLASS_CNT ? FAKE_TYPE_TYPE : world__class(like);

	memcpy(fake_memory__map(&world->memory, address, 4096),
	       fake_memory__at(&world->memory, model, FAKE_TYPE_BYTES), FAKE_TYPE_BYTES);
	if (name < ARRAY_SIZE(names)) {
		strcpy(fake_memory__at(&world->memory, address + NAME_AT, NAME_BYTES), names[name]);
		*fake_memory__word(&world->memory, address + 24) = address + NAME_AT; /* tp_name */
	}
	for (uint8_t i = fuzz_input__byte(input) % 16; i && input->size; i--) {
		uint8_t at = fuzz_input__byte(input) % 52; /* past tp_weaklist */

		*fake_memory__word(&world->memory, address + at * 8UL) = take_word(input);
	}
}

static void add_liars(struct world *world, struct fuzz_input *input)
{
	for (uint32_t i = fuzz_input__byte(input) % (LIARS_MAX + 1); i; i--)
		add_liar(world, liar_at(i - 1), input);
}

static struct census *take_census(const struct world *world, uint8_t version)
{
	int major = versions[version % ARRAY_SIZE(versions)].major,
	    minor = versions[version % ARRAY_SIZE(versions)].minor;
	const struct census_options options = {.major = major,
					       .minor = minor,
					       .offsets = py_offsets__of_version(major, minor),
					       .debug_hooks = version & 128,
					       .refcnt_max = 1000};
	struct census *census;

	CHECK(!census__take(&census, world->heap, &world->memory.memory, &options));
	return census;
}

/* The same blocks as chunks of malloc. The last one of a pool reaches to the next pool. */
static struct heap *make_chunks(const struct world *world)
{
	uint64_t at = ARENA, end = ARENA + SAMPLE_ARENA_BYTES, last = ARENA;
	struct heap *heap;
	bool was_there;

	CHECK(!heap__new(&heap, &malloc_layout, NULL));
	CHECK(!heap__add_region(heap, ARENA, SAMPLE_ARENA_BYTES));
	heap->regions[0].carved_end = end - 4096;
	for (; block_map__next(world->heap->blocks, &at, end - 8192); at += 16) {
		if (at - last < CHUNK_BYTES_MIN)
			continue;
		CHECK(!block_map__insert(heap->spans, at, &was_there));
		CHECK(!block_map__insert(heap->blocks, at, &was_there));
		last = at;
	}
	return heap;
}

static void fill(struct world *world, struct fuzz_input *input)
{
	for (int i = 0; i < BLOCKS_MAX && input->size; i++) {
		uint32_t size = (fuzz_input__byte(input) % 32 + 1) * 16;
		uint64_t words[64];

		if (world->next[SAMPLE_CLASS(size)] >= (4096 - 48) / size)
			continue;
		for (uint32_t w = 0; w < size / 8; w++)
			words[w] = take_word(input);
		world__add(world, size, words, size / 8);
	}
	fake_memory__map(&world->memory, OUTSIDE, OUTSIDE_BYTES);
	for (uint64_t at = 0; at < OUTSIDE_BYTES && input->size; at += 8)
		*fake_memory__word(&world->memory, OUTSIDE + at) = take_word(input);
}

static void check_rows(const struct census_report *given, enum census_by by)
{
	struct census_report report = *given;
	struct heap_measure measure;
	uint64_t blocks = 0;

	report.by = by;
	CHECK(!heap__measure(report.census->heap, &measure));
	CHECK(!census__count(report.census, by, &report.referrers, &report.rows));
	for (size_t i = 0; i < report.rows.cnt; i++) {
		char text[64];

		blocks += report.rows.rows[i].blocks;
		census_kinds__describe_row(&report, &report.rows.rows[i], text, sizeof(text));
	}
	CHECK(blocks == measure.totals.live_blocks);
	CHECK(report.rows.bytes == measure.totals.live_bytes);
	census_rows__release(&report.rows);
	heap_measure__free(&measure);
}

static void check_paths(const struct graph *graph, const struct roots *roots)
{
	_cleanup_(retention__freep) struct retention *retention = NULL;

	CHECK(!retention__new(&retention, graph, roots));
	for (uint32_t node = 0, cnt = 0; node < graph->node_cnt && cnt < PATHS_MAX; node++) {
		_cleanup_(retention_path__release) struct retention_path path = {};
		_cleanup_free_ char *text = NULL, *value = NULL;
		const struct path_text_options options = {.no_values = node % 2,
							  .generic = node % 3 == 0};

		if (block_kind__role(graph__kind(graph, node)) == BLOCK_FREE)
			continue;
		cnt++;
		CHECK(!value__describe(&value, graph->census, graph__address(graph, node),
				       graph__type(graph, node), 40));
		CHECK(!retention__learn(retention, &node, 1));
		CHECK(!retention__path(retention, node, &path));
		CHECK(!path.step_cnt || !path_text__make(&text, graph, roots, &path, &options));
	}
}

/* No row has more than the one above it. */
static void check_tree(const struct graph *graph, const struct roots *roots, uint8_t depth)
{
	_cleanup_(retention__freep) struct retention *retention = NULL;
	const struct retained_tree_options options = {.depth = 1U + depth % 100,
						      .no_values = depth % 2};
	struct retained_tree tree;

	CHECK(!retention__new(&retention, graph, roots));
	CHECK(!retained_tree__make(&tree, graph, roots, retention, NULL, &options));
	for (size_t i = 0; i < tree.cnt; i++) {
		const struct retained_row *row = &tree.rows[i], *before = row - (i > 0);

		CHECK(row->depth < options.depth);
		CHECK(row->retained.bytes <= tree.total.bytes);
		CHECK(row->own.bytes <= row->retained.bytes);
		CHECK(row->depth <= before->depth + 1);
		CHECK(row->depth <= before->depth || row->retained.bytes <= before->retained.bytes);
	}
	retained_tree__release(&tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.bytes = data, .size = size};
	struct root first = {.kind = fuzz_input__byte(&input) % ROOT_KIND_CNT};
	char *label = (char[]){"root"};
	const struct roots roots = {.roots = &first, .cnt = 1, .labels = &label, .label_cnt = 1};
	struct census_report report = {};
	uint8_t version = fuzz_input__byte(&input);
	struct heap *pools;
	struct graph *graph;
	struct world world;

	world__make(&world);
	add_liars(&world, &input);
	fill(&world, &input);
	pools = world.heap;
	if (version & 64)
		world.heap = make_chunks(&world);
	report.census = take_census(&world, version);
	CHECK(!graph__build(&graph, report.census, (enum graph_vias)(size % 3)));
	for (uint64_t i = 0; i < graph->starts[graph->node_cnt]; i++)
		CHECK(block_kind__role(graph__kind(graph, graph->edges[i])) != BLOCK_FREE);
	CHECK(!referrers__find(&report.referrers, graph, &roots, false));
	for (enum census_by by = 0; by < CENSUS_BY_CNT; by++)
		check_rows(&report, by);
	check_paths(graph, &roots);
	if (graph->edge_vias && graph->node_cnt)
		check_tree(graph, &roots, version);
	referrers__release(&report.referrers);
	graph__free(graph);
	census__free(report.census);
	if (world.heap != pools)
		heap__free(world.heap);
	world.heap = pools;
	world__release(&world);
	return 0;
}
