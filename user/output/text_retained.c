// SPDX-License-Identifier: BSD-2-Clause
#include "output/text_retained.h"

#include <string.h>

#include "output/text_census.h"
#include "util/text.h"
#include "util/units.h"

#define BYTES(bytes)	     (units__bytes(bytes).text)
#define COUNT(count)	     (units__count(count).text)
#define COUNTED(count, noun) (units__counted(count, noun).text)

static const char *share_of(const struct retained_tree *tree, uint64_t bytes,
			    struct units_text *text)
{
	*text = units__percent(tree->total.bytes ? (double)bytes / (double)tree->total.bytes : 0);
	return text->text;
}

static void write_head(const struct retained_tree *tree, uint64_t bytes, uint64_t own_bytes,
		       uint64_t cnt, uint32_t depth, FILE *out)
{
	struct units_text share;

	fprintf(out, "  %12s %8s %12s %12s  %*s", BYTES(bytes), share_of(tree, bytes, &share),
		BYTES(own_bytes), COUNT(cnt), 2 * (int)depth, "");
}

/* How many objects of which type are at the path. */
static void write_members(const struct census *census, const struct retained_row *row, FILE *out)
{
	const char *type = row->type == TYPE_NONE ? "of several types"
						  : type_table__at(census->types, row->type)->name;

	if (row->member_cnt < 2)
		return;
	fprintf(out, "  (%s ", COUNT(row->member_cnt));
	text__write(type, out);
	fputc(')', out);
}

static void write_holders(const struct retained_row *row, FILE *out)
{
	if (row->is_shared)
		fputs("; also held by ", out);
	for (uint32_t i = 0; i < row->holder_cnt; i++) {
		fputs(i ? ", " : "", out);
		text__write(strcmp(row->holders[i], row->path) != 0 ? row->holders[i]
								    : "others of this path",
			    out);
	}
	if (row->has_more_holders)
		fputs(" and others", out);
	if (!row->possible_holder)
		return;
	fputs("; possibly also held by ", out);
	text__write(row->possible_holder, out);
}

static void write_row(const struct census *census, const struct retained_tree *tree,
		      const struct retained_row *row, FILE *out)
{
	if (row->is_passed)
		return;
	write_head(tree, row->retained.bytes, row->own.bytes, row->retained.cnt, row->depth, out);
	if (row->path) {
		text__write(row->path, out);
		fputs(row->is_repeated ? "..." : "", out);
		write_members(census, row, out);
		write_holders(row, out);
	} else {
		fprintf(out, "(%s)", COUNTED(row->group_cnt, "other"));
	}
	fputc('\n', out);
}

static void write_sum(const struct retained_tree *tree, const struct retained_sum *sum,
		      const char *what, FILE *out)
{
	if (!sum->bytes)
		return;
	write_head(tree, sum->bytes, sum->bytes, sum->cnt, 0, out);
	fprintf(out, "[%s]\n", what);
}

void text_retained__write(const struct census *census, const struct retained_tree *tree,
			  uint64_t other_bytes, FILE *out)
{
	const struct retained_sum unowned = {.bytes = tree->unowned_bytes};

	fprintf(out, "\nWhat holds the memory in use: %s in %s\n", BYTES(tree->total.bytes),
		COUNTED(tree->total.cnt, "object"));
	fprintf(out, "  %12s %8s %12s %12s  %s\n", "retained", "", "own", "objects", "path");
	for (size_t i = 0; i < tree->cnt; i++)
		write_row(census, tree, &tree->rows[i], out);
	write_sum(tree, &tree->unreached, "no path from a root: garbage, or held by C code", out);
	write_sum(tree, &tree->free_listed, "on Python's free lists", out);
	write_sum(tree, &unowned, "buffers of several objects", out);
	if (other_bytes)
		fprintf(out, "  %12s %36s[also in use in malloc: of C code, owner not known]\n",
			BYTES(other_bytes), "");
}
