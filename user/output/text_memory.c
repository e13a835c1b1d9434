// SPDX-License-Identifier: BSD-2-Clause
#include "output/text_memory.h"

#include <inttypes.h>
#include <stdbool.h>

#include "output/text_census.h"
#include "util/text.h"
#include "util/units.h"

#define BYTES(bytes)   units__bytes(bytes).text
#define COUNT(count)   units__count(count).text
#define PERCENT(share) units__percent(share).text

#define ROWS_MAX 10
#define TOPS_MAX 8

/* Parts below this share of the memory are summed up. */
#define SMALL_SHARE 0.01

static const char *const part_texts[MEMORY_PART_CNT] = {
	[MEMORY_ARENAS] = "arenas",
	[MEMORY_MALLOC] = "malloc",
	[MEMORY_OTHER_MALLOCS] = "other mallocs",
	[MEMORY_FRAME_STACKS] = "frame stacks",
	[MEMORY_STACKS] = "stacks",
	[MEMORY_GUARDS] = "guard pages",
	[MEMORY_FILES] = "files",
	[MEMORY_SHARED] = "shared",
	[MEMORY_KERNEL] = "kernel",
	[MEMORY_BREAK] = "break",
	[MEMORY_UNEXPLAINED] = "unexplained",
};

/* NULL: not shown as such. */
static const char *const state_texts[MEMORY_STATE_CNT] = {
	[STATE_UNDIVIDED] = "state not known",
	[STATE_LIVE] = "live",
	[STATE_FREE_BLOCKS] = "free blocks",
	[STATE_FREE_POOLS] = "free pools",
	[STATE_IN_USE] = "in use",
	[STATE_FREE] = "free",
	[STATE_TCACHE] = "tcache",
	[STATE_TOP] = "top",
	[STATE_UNUSED] = "left by deeper calls",
	[STATE_CACHED] = "of ended threads",
	[STATE_PRIVATE_DIRTY] = "written",
	[STATE_OVERHEAD] = "overhead",
};

/* For parts that are not divided into states, or that need an explanation. */
static const char *const part_notes[MEMORY_PART_CNT] = {
	[MEMORY_FRAME_STACKS] = "frames of Python functions",
	[MEMORY_GUARDS] = "pages below stacks that nobody may access",
	[MEMORY_SHARED] = "shared memory without a file on disk",
	[MEMORY_KERNEL] = "provided by the kernel",
	[MEMORY_BREAK] = "[heap], but not glibc's malloc",
};

/* A list on one line: what separates the next item from the one before it. */
struct line {
	FILE *out;
	const char *separator;
};

static void write_item(struct line *line, const char *name, uint64_t bytes)
{
	fprintf(line->out, "%s%s %s", line->separator, name, BYTES(bytes));
	line->separator = ", ";
}

static void write_note(struct line *line, const char *note)
{
	fprintf(line->out, "%s%s", line->separator, note);
	line->separator = "; ";
}

/* Memory in RAM or swapped out. */
static uint64_t used_bytes(const struct memory_share *share)
{
	return share->resident_bytes + share->swap_bytes;
}

static void write_largest(struct line *line, const struct memory_use *use)
{
	const struct memory_region *region = memory_use__largest_unexplained(use);
	const char *name;

	write_note(line, "mapped by extension modules or an unknown allocator");
	if (!region)
		return;
	name = use->smaps.mappings.items[region->mapping].path;
	write_item(line, "largest region", region->resident_bytes);
	if (!*name)
		return;
	fputc(' ', line->out);
	text__write(name, line->out);
}

/*
 * A trace has read the arenas, but not when the rest was read: then the report divides them
 * elsewhere.
 */
static bool is_divided_elsewhere(const struct memory_use *use, enum memory_part part)
{
	return part == MEMORY_ARENAS &&
	       use->states[part][STATE_UNDIVIDED] == use->parts[part].resident_bytes;
}

static void write_other_malloc(struct line *line, const struct other_malloc *item)
{
	char name[64];

	snprintf(name, sizeof(name), "%s%s%s", other_malloc_names[item->kind],
		 *item->version ? " " : "", item->version);
	text__make_printable(name);
	write_note(line, name);
}

static void write_notes(struct line *line, const struct memory_use *use,
			const struct other_mallocs *mallocs, enum memory_part part)
{
	for (size_t i = 0; mallocs && part == MEMORY_OTHER_MALLOCS && i < mallocs->cnt; i++)
		write_other_malloc(line, &mallocs->items[i]);
	if (part_notes[part])
		write_note(line, part_notes[part]);
	if (part == MEMORY_STACKS)
		write_note(line, units__counted(use->stack_cnt, "stack").text);
	if (part == MEMORY_FILES)
		write_note(line, units__counted(use->files.cnt, "file").text);
	if (part == MEMORY_UNEXPLAINED)
		write_largest(line, use);
	if (is_divided_elsewhere(use, part))
		write_note(line, "broken down under Heap");
}

static void write_states(struct line *line, const struct memory_use *use, enum memory_part part)
{
	const struct memory_share *share = &use->parts[part];
	const uint64_t *states = use->states[part];

	for (int state = 0; state < MEMORY_STATE_CNT && !is_divided_elsewhere(use, part); state++)
		if (state_texts[state] && memory_part__has_state(part, (enum memory_state)state) &&
		    states[state])
			write_item(line, state_texts[state], states[state]);
	if (part == MEMORY_FILES)
		write_item(line, "not written",
			   share->resident_bytes - states[STATE_PRIVATE_DIRTY]);
	if (share->huge_bytes)
		write_item(line, "in huge pages", share->huge_bytes);
	if (share->swap_bytes)
		write_item(line, "swapped out", share->swap_bytes);
}

static void write_row(const struct memory_use *use, const char *name, uint64_t bytes, FILE *out)
{
	fprintf(out, "  %-13s %12s %8s  ", name, BYTES(bytes),
		PERCENT(use->all.resident_bytes ? (double)bytes / (double)use->all.resident_bytes
						: 0));
}

static void write_part(const struct memory_use *use, const struct other_mallocs *mallocs,
		       enum memory_part part, FILE *out)
{
	struct line line = {.out = out, .separator = ""};

	write_row(use, part_texts[part], use->parts[part].resident_bytes, out);
	write_notes(&line, use, mallocs, part);
	write_states(&line, use, part);
	fputc('\n', out);
}

static bool is_small(const struct memory_use *use, enum memory_part part)
{
	return (double)used_bytes(&use->parts[part]) < SMALL_SHARE * (double)used_bytes(&use->all);
}

/* Lists the parts that have memory, those with most of it first. Returns how many there are. */
static int sort_parts(const struct memory_use *use, enum memory_part *parts)
{
	int cnt = 0;

	for (int part = 0; part < MEMORY_PART_CNT; part++) {
		int at = cnt;

		if (!used_bytes(&use->parts[part]))
			continue;
		for (; at && used_bytes(&use->parts[parts[at - 1]]) < used_bytes(&use->parts[part]);
		     at--)
			parts[at] = parts[at - 1];
		parts[at] = (enum memory_part)part;
		cnt++;
	}
	return cnt;
}

static void write_small_parts(const struct memory_use *use, const enum memory_part *parts, int cnt,
			      FILE *out)
{
	struct line line = {.out = out, .separator = ""};
	uint64_t bytes = 0;

	for (int i = 0; i < cnt; i++)
		bytes += use->parts[parts[i]].resident_bytes;
	write_row(use, "others", bytes, out);
	for (int i = 0; i < cnt; i++)
		write_item(&line, part_texts[parts[i]], use->parts[parts[i]].resident_bytes);
	fputc('\n', out);
}

void text_memory__write(const struct memory_use *use, const struct other_mallocs *mallocs,
			double age_s, FILE *out)
{
	enum memory_part parts[MEMORY_PART_CNT];
	int cnt = sort_parts(use, parts), large = 0;

	fputs("\nMemory", out);
	if (age_s >= 1)
		fprintf(out, " %s ago", units__seconds(age_s).text);
	fprintf(out, ": %s resident", BYTES(use->all.resident_bytes));
	if (use->all.swap_bytes)
		fprintf(out, ", %s swapped out", BYTES(use->all.swap_bytes));
	if (use->total.huge_bytes)
		fprintf(out, "; %s in huge pages", BYTES(use->total.huge_bytes));
	if (use->total.hugetlb_bytes)
		fprintf(out, "; %s of hugetlbfs, not counted", BYTES(use->total.hugetlb_bytes));
	fputc('\n', out);
	while (large < cnt && !is_small(use, parts[large]))
		write_part(use, mallocs, parts[large++], out);
	if (large < cnt)
		write_small_parts(use, parts + large, cnt - large, out);
}

void text_memory__write_outside(const struct census *census, const struct outside_objects *objects,
				uint64_t in_use_bytes, FILE *out)
{
	struct outside_row rest = {};

	fprintf(out, "\nObjects and buffers outside of arenas: %s, %s in total\n",
		units__counted(objects->cnt, "allocation").text, BYTES(objects->bytes));
	for (size_t i = 0; i < objects->row_cnt; i++) {
		const struct outside_row *row = &objects->rows[i];

		if (i >= ROWS_MAX) {
			rest.cnt += row->cnt;
			rest.bytes += row->bytes;
			continue;
		}
		fprintf(out, "  %12s %12s  ", COUNT(row->cnt), BYTES(row->bytes));
		text_census__write_kind(census, row->kind, out);
		fputc('\n', out);
	}
	if (rest.cnt)
		fprintf(out, "  %12s %12s  (%s)\n", COUNT(rest.cnt), BYTES(rest.bytes),
			units__counted(objects->row_cnt - ROWS_MAX, "more kind").text);
	fprintf(out, "  %12s %12s  (what else malloc has in use)\n", "",
		BYTES(outside_objects__rest(objects, in_use_bytes)));
}

static void write_top_owner(const struct census *census, const struct top_owner *owner, FILE *out)
{
	bool is_known = block_kind__role(owner->kind) > BLOCK_UNKNOWN || owner->path;

	fprintf(out, "  %#-18" PRIx64 " %12s  ", owner->block, BYTES(owner->size));
	if (owner->is_cached) {
		fputs("free, in the tcache of a thread", out);
	} else if (!is_known) {
		fputs("no known Python object refers to it: C code holds it", out);
	} else {
		text_census__write_kind(census, owner->kind, out);
		fputs(", ", out);
		text_census__write_keeper(owner->path, false, out);
	}
	fputc('\n', out);
}

void text_memory__write_tops(const struct census *census, const struct top_owners *tops, FILE *out)
{
	if (!tops->cnt)
		return;
	fputs("\nLast chunks in use below the free ends of malloc's arenas\n", out);
	for (size_t i = 0; i < tops->cnt && i < TOPS_MAX; i++)
		write_top_owner(census, &tops->items[i], out);
	if (tops->cnt > TOPS_MAX)
		fprintf(out, "  %s more (--json lists up to %d)\n",
			COUNT(tops->cnt - TOPS_MAX + tops->left_out_cnt), TOP_OWNERS_MAX);
}
