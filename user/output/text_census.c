// SPDX-License-Identifier: BSD-2-Clause
#include "output/text_census.h"

#include "util/text.h"
#include "util/units.h"

#define BYTES(bytes)   units__bytes(bytes).text
#define COUNT(count)   units__count(count).text
#define PERCENT(share) units__percent(share).text

#define KIND_BYTES 160

static double share_of(uint64_t part, uint64_t all)
{
	return all ? (double)part / (double)all : 0;
}

static void write_row(const struct census_rows *rows, const struct census_row *row,
		      uint64_t cumulative, const char *kind, FILE *out)
{
	fprintf(out, "  %12s %8s %12s %8s %12s %8s  %s\n", COUNT(row->blocks),
		PERCENT(share_of(row->blocks, rows->blocks)), BYTES(row->bytes),
		PERCENT(share_of(row->bytes, rows->bytes)), BYTES(cumulative),
		PERCENT(share_of(cumulative, rows->bytes)), kind);
}

/* Sums up the rows that are not shown. */
static void write_rest(const struct census_report *report, uint64_t cumulative, FILE *out)
{
	const struct census_rows *rows = &report->rows;
	struct census_row rest = {.bytes = rows->bytes - cumulative};
	char kind[KIND_BYTES];

	for (size_t i = report->top; i < rows->cnt; i++)
		rest.blocks += rows->rows[i].blocks;
	if (!rest.blocks)
		return;
	snprintf(kind, sizeof(kind), "(%s)",
		 units__counted(rows->cnt - report->top, "more kind").text);
	write_row(rows, &rest, rows->bytes, kind, out);
}

void text_census__write(const struct census_report *report, FILE *out)
{
	const struct census_rows *rows = &report->rows;
	uint64_t cumulative = 0;

	fprintf(out, "\nHeap contents by %s: %s, %s in total\n", census_by_names[report->by],
		units__counted(rows->blocks, "block").text, BYTES(rows->bytes));
	if (report->since)
		fprintf(out, "  (without %s also in %s)\n",
			units__counted(report->hidden_blocks, "block").text, report->since);
	fprintf(out, "  %12s %8s %12s %8s %12s %8s  %s\n", "count", "", "size", "", "cumulative",
		"", "kind");
	for (size_t i = 0; i < rows->cnt && i < report->top; i++) {
		const struct census_row *row = &rows->rows[i];
		char kind[KIND_BYTES];

		census_kinds__describe_row(report, row, kind, sizeof(kind));
		cumulative += row->bytes;
		write_row(rows, row, cumulative, text__make_printable(kind), out);
	}
	write_rest(report, cumulative, out);
}

void text_census__write_kind(const struct census *census, uint32_t kind, FILE *out)
{
	char text[KIND_BYTES];

	census_kinds__describe(census, kind, text, sizeof(text));
	fputs(text__make_printable(text), out);
}

void text_census__write_path(const char *path, bool is_free_listed, FILE *out)
{
	if (path)
		text__write(path, out);
	else if (is_free_listed)
		fputs("[on one of Python's free lists]", out);
	else
		fputs("[no path from a root: a cycle, or held by C code]", out);
}

void text_census__write_keeper(const char *path, bool is_free_listed, FILE *out)
{
	if (path)
		fputs("kept alive by ", out);
	text_census__write_path(path, is_free_listed, out);
}

void text_census__write_block(const struct census_report *report, uint64_t address, FILE *out)
{
	fputs(" [", out);
	text_census__write_kind(report->census, census__kind_at(report->census, address), out);
	fputc(']', out);
}
