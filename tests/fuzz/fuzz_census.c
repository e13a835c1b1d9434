// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: whatever the blocks of a heap hold, looking at its objects, at who refers to whom and what keeps them
 * alive ends, counts every live block once, and finds references to nothing but what is there.
 *
 * Input: blocks, each a byte that says its size, then its words: a byte that says what a word is (a count, a type, a
 * block or some address in it, an object outside of the arena, or eight bytes as they are), and what that takes.
 */
#include "fuzz.h"

#include "census/path_text.h"
#include "census/referrers.h"
#include "census/retention.h"
#include "census/value.h"
#include "fake_objects.h"
#include "report/census_kinds.h"
#include "util/cleanup.h"

#define OUTSIDE	      0x7f7700000000UL
#define OUTSIDE_BYTES 4096UL
#define BLOCKS_MAX    256
#define PATHS_MAX     64
#define MEMORY_MAX    (64UL << 20)

enum word_kind {
	WORD_SMALL,
	WORD_CLASS,
	WORD_BLOCK,
	WORD_OUTSIDE,
	WORD_TYPE,
	WORD_RAW,
	WORD_CNT,
};

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
	default:
		fuzz_input__take(input, &word, sizeof(word));
		return word;
	}
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.bytes = data, .size = size};
	struct root first = {.kind = fuzz_input__byte(&input) % ROOT_KIND_CNT};
	char *label = (char[]){"root"};
	const struct roots roots = {.roots = &first, .cnt = 1, .labels = &label, .label_cnt = 1};
	struct census_report report = {};
	struct graph *graph;
	struct world world;

	world__make(&world);
	fill(&world, &input);
	report.census = world__take(&world);
	CHECK(!graph__build(&graph, report.census, data && size % 2, MEMORY_MAX));
	for (uint64_t i = 0; i < graph->starts[graph->node_cnt]; i++)
		CHECK(block_kind__role(graph__kind(graph, graph->edges[i])) != BLOCK_FREE);
	CHECK(!referrers__find(&report.referrers, graph, &roots, false));
	for (enum census_by by = 0; by < CENSUS_BY_CNT; by++)
		check_rows(&report, by);
	check_paths(graph, &roots);
	referrers__release(&report.referrers);
	graph__free(graph);
	census__free(report.census);
	world__release(&world);
	return 0;
}
