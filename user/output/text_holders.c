// SPDX-License-Identifier: BSD-2-Clause
#include "output/text_holders.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "output/text_census.h"
#include "util/text.h"
#include "util/units.h"

#define BYTES(bytes) (units__bytes(bytes).text)
#define COUNT(count) (units__count(count).text)

#define ROWS_MAX 10

void text_holders__write_block(const struct census *census, const struct pin_holders *holders,
			       size_t index, const struct pinned_block *block, FILE *out)
{
	const struct pin_story *story = &holders->stories[index];
	uint32_t kind = census__kind_at(census, block->address);

	fprintf(out, "\n      %#" PRIx64 ":%" PRIu64 "  ", block->address, block->size);
	text_census__write_kind(census, kind, out);
	if (story->value) {
		fputc(' ', out);
		text__write(story->value, out);
	}
	if (story->has_items)
		fprintf(out, " of %s", COUNT(story->items));
	fputs("\n          ", out);
	text_census__write_path(story->path, block_kind__role(kind) == BLOCK_FREE_LISTED, out);
}

void text_holders__write_advices(const struct advices *advices, FILE *out)
{
	if (advices->cnt)
		fputs("\nSuggestions\n", out);
	for (size_t i = 0; i < advices->cnt; i++) {
		fputs("  - ", out);
		text__write(advices->items[i].text, out);
		fputc('\n', out);
	}
}

static void write_head(const struct pin_row *row, FILE *out)
{
	fprintf(out, "  %12s %12s  ", BYTES((uint64_t)llround(row->hostage_bytes)),
		COUNT(row->blocks));
}

static void write_more(const struct pin_ranking *ranking, FILE *out)
{
	struct pin_row rest = {};

	for (size_t i = ROWS_MAX; i < ranking->cnt; i++) {
		rest.hostage_bytes += ranking->rows[i].hostage_bytes;
		rest.blocks += ranking->rows[i].blocks;
	}
	if (!rest.blocks)
		return;
	write_head(&rest, out);
	fprintf(out, "(%s more)\n", COUNT(ranking->cnt - ROWS_MAX));
}

void text_holders__write(const struct census_report *report, const struct pin_holders *holders,
			 FILE *out)
{
	const struct pin_ranking *kinds = &holders->by_kind, *paths = &holders->by_path;

	if (!kinds->cnt)
		return;
	fprintf(out, "\nPinning blocks by %s\n  %12s %12s  %s\n",
		census_by_names[report->by == BY_OWNER ? BY_OWNER : BY_TYPE], "held back", "blocks",
		"kind");
	for (size_t i = 0; i < kinds->cnt && i < ROWS_MAX; i++) {
		write_head(&kinds->rows[i], out);
		text_census__write_kind(report->census, kinds->rows[i].kind, out);
		fputc('\n', out);
	}
	write_more(kinds, out);
	fprintf(out, "\nWhat keeps them alive (shortest paths)\n  %12s %12s  %s\n", "held back",
		"blocks", "path");
	for (size_t i = 0; i < paths->cnt && i < ROWS_MAX; i++) {
		write_head(&paths->rows[i], out);
		text_census__write_path(paths->rows[i].path, paths->rows[i].is_free_listed, out);
		fputc('\n', out);
	}
	write_more(paths, out);
	if (holders->unseen_blocks)
		fprintf(out, "  (not examined: %s)\n",
			units__counted(holders->unseen_blocks, "more block").text);
}

void text_holders__write_arena(const struct census_report *report, const struct arena_report *arena,
			       FILE *out)
{
	const struct pinned_region *only = arena->pinned.regions;

	fprintf(out, "\nArena %#" PRIx64 ": %s, %s in total, occupancy %s", only->address,
		units__counted(only->live_blocks, "live block").text, BYTES(only->live_bytes),
		units__percent(only->occupancy).text);
	for (size_t i = 0; i < arena->pinned.block_cnt; i++)
		text_holders__write_block(report->census, &arena->holders, i,
					  &arena->pinned.blocks[i], out);
	fputc('\n', out);
	text_holders__write(report, &arena->holders, out);
}
