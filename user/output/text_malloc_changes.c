// SPDX-License-Identifier: BSD-2-Clause
#include "output/text_malloc_changes.h"

#include <inttypes.h>
#include <stdlib.h>

#include "util/cleanup.h"
#include "util/text.h"
#include "util/units.h"

/* Smaller changes are not mentioned. */
#define CHANGE_BYTES_MIN (1L << 20)

#define BYTES(bytes)	     units__bytes(bytes).text
#define COUNTED(count, noun) units__counted(count, noun).text
#define SECONDS(seconds)     units__seconds(seconds).text

/* 0 if the change is not known, or not worth mentioning. */
static int64_t find_change(const struct malloc_change *change, enum malloc_figure figure)
{
	int64_t bytes;

	if (!malloc_figure__change(change->was->figures, change->now->figures, figure, &bytes))
		return 0;
	return llabs(bytes) < CHANGE_BYTES_MIN ? 0 : bytes;
}

static void write_signed(int64_t bytes, FILE *out)
{
	fprintf(out, "%c%s", bytes < 0 ? '-' : '+', BYTES((uint64_t)llabs(bytes)));
}

/* The thread of the new arena with most free memory. */
static void write_thread(const struct malloc_change *change, FILE *out)
{
	size_t i = 0;

	while (i < change->arena_cnt && change->arenas[i].was)
		i++;
	if (i == change->arena_cnt || !change->arenas[i].now->thread)
		return;
	fprintf(out, "; %sused by thread %d, ",
		change->new_arenas > 1 ? "the one with the most free memory is " : "",
		change->arenas[i].now->thread);
	text__write(change->arenas[i].now->thread_name, out);
}

/* Returns what separates the next item from this list. */
static const char *write_figures(const struct malloc_change *change, FILE *out)
{
	static const char *const names[] = {
		[MALLOC_IN_USE] = "in use",
		[MALLOC_FREE] = "free",
		[MALLOC_TRIMMABLE] = "releasable by malloc_trim(0)",
		[MALLOC_LOST] = "not read",
	};
	const char *separator = "";

	for (int i = 0; i < (int)ARRAY_SIZE(names); i++) {
		int64_t bytes = names[i] ? find_change(change, (enum malloc_figure)i) : 0;

		if (!bytes)
			continue;
		fprintf(out, "%s%s ", separator, names[i]);
		write_signed(bytes, out);
		separator = ", ";
	}
	if (!change->new_arenas)
		return separator;
	fprintf(out, "%s%s (%s in use, %s free", separator,
		COUNTED(change->new_arenas, "new arena"), BYTES(change->new_in_use_bytes),
		BYTES(change->new_free_bytes));
	write_thread(change, out);
	fputc(')', out);
	return "\n  ";
}

/* Where pins keep most more than before. */
static void write_pinned(const struct malloc_change *change, const char *separator, FILE *out)
{
	const struct top_pin *pin = &change->most_pinned->pin;

	fprintf(out, "%skept at the end of an arena ", separator);
	write_signed(change->most_pinned_bytes, out);
	fprintf(out, ", by a chunk of %s%s: snapshot --object %#" PRIx64, BYTES(pin->size),
		pin->is_cached ? " in a tcache" : "", pin->block);
}

static bool pins_more(const struct malloc_change *change)
{
	return change->most_pinned_bytes >= CHANGE_BYTES_MIN;
}

static bool is_worth_mentioning(const struct malloc_change *change)
{
	return change->new_arenas || find_change(change, MALLOC_IN_USE) ||
	       find_change(change, MALLOC_FREE) || find_change(change, MALLOC_TRIMMABLE) ||
	       find_change(change, MALLOC_LOST) || pins_more(change);
}

void text_malloc_changes__write(const struct malloc_changes *changes, FILE *out)
{
	double begun_s = malloc_changes__seconds(changes, &changes->first);
	struct malloc_change change;
	const char *separator;

	malloc_change__find(&change, &changes->first, &changes->now);
	if (!is_worth_mentioning(&change))
		return;
	if (begun_s >= 1)
		fprintf(out, "\nmalloc, changes since the trace was %s old: ", SECONDS(begun_s));
	else
		fputs("\nmalloc since the trace began: ", out);
	separator = write_figures(&change, out);
	if (pins_more(&change))
		write_pinned(&change, separator, out);
	fputc('\n', out);
}
