// SPDX-License-Identifier: BSD-2-Clause
#include "output/text_malloc.h"

#include <inttypes.h>

#include "analysis/malloc_hints.h"
#include "analysis/top_pin_summary.h"
#include "util/units.h"

/* Pins that keep less are not mentioned. */
#define PINNED_BYTES_MIN (1UL << 20)
/* How many sizes that stand out are named, and how much memory each must have. */
#define SIZES_MAX      3
#define SIZE_BYTES_MIN (1UL << 20)

#define BYTES(bytes)	     units__bytes(bytes).text
#define COUNT(count)	     units__count(count).text
#define COUNTED(count, noun) units__counted(count, noun).text
#define PERCENT(share)	     units__percent(share).text

static void write_row(FILE *out, const char *name, uint64_t bytes, uint64_t all, const char *note)
{
	fprintf(out, "  %-12s %12s %8s  %s\n", name, BYTES(bytes),
		PERCENT(all ? (double)bytes / (double)all : 0), note);
}

static void write_chunks(FILE *out, const char *name, const struct chunk_total *total, uint64_t all,
			 const char *what)
{
	char note[96];

	snprintf(note, sizeof(note), "%s%s", COUNTED(total->cnt, "chunk"), what);
	write_row(out, name, total->bytes, all, note);
}

static void write_sizes(const struct chunk_sizes *sizes, FILE *out)
{
	size_t cnt = 0;

	/* Those with the most bytes come first. */
	while (cnt < sizes->standing_out_cnt && cnt < SIZES_MAX &&
	       sizes->standing_out[cnt].in_use.bytes >= SIZE_BYTES_MIN)
		cnt++;
	for (size_t i = 0; i < cnt; i++)
		fprintf(out, "%s %s: %s in use, %s", i ? ";" : "  sizes that stand out, in bytes:",
			COUNT(sizes->standing_out[i].size),
			COUNTED(sizes->standing_out[i].in_use.cnt, "chunk"),
			BYTES(sizes->standing_out[i].in_use.bytes));
	if (cnt)
		fputc('\n', out);
}

static void write_pins(const struct malloc_use_item *item, FILE *out)
{
	struct top_pin_summary sum = top_pins__sum_up(item->pins);

	if (sum.kept_bytes < PINNED_BYTES_MIN)
		return;
	fprintf(out, "  freeing %s at the end of %s (%s) would release %s",
		COUNTED(sum.chunks, "chunk"), COUNTED(sum.arenas, "arena"), BYTES(sum.chunk_bytes),
		BYTES(sum.released_bytes));
	if (sum.withheld_bytes)
		fprintf(out, ", and %s more if trim_threshold, now %s, were lower",
			BYTES(sum.withheld_bytes),
			BYTES(item->image->instance->parameters.trim_threshold));
	fprintf(out, "; %s: snapshot --object %#" PRIx64 "%s\n",
		sum.chunks > 1 ? "to see the one that keeps most" : "to see it", sum.first->block,
		sum.chunks > 1 ? ", to see all: snapshot --paths" : "");
	if (sum.cacheable)
		fprintf(out,
			"    (%s of them %s small: free() may put %s into a tcache or fastbin "
			"first)\n",
			COUNT(sum.cacheable), sum.cacheable == 1 ? "is" : "are",
			sum.cacheable == 1 ? "it" : "them");
}

static void write_malloc(const struct malloc_use *use, size_t number, FILE *out)
{
	const struct malloc_use_item *item = &use->items[number];
	const struct malloc_arena_use *total = &item->total;
	static const struct chunk_total none;
	const struct chunk_total *mapped = number ? &none : &use->mapped,
				 *mapped_cached = number ? &none : &use->mapped_cached;
	uint64_t all = total->heap_bytes + mapped->bytes + mapped_cached->bytes;

	fprintf(out, "\nglibc's malloc: %s of address space in %s", BYTES(all),
		COUNTED(item->image->instance->arena_cnt, "arena"));
	if (item->trim->knows_resident)
		fprintf(out, "; malloc_trim(0) would release %s",
			BYTES(malloc_trim__released_bytes(item->trim)));
	fputc('\n', out);
	write_chunks(out, "in use", &total->in_use, all, " in the heaps");
	write_chunks(out, "mapped", mapped, all, " in use, each in a mapping of its own");
	if (mapped_cached->cnt)
		write_chunks(out, "mapped, free", mapped_cached, all,
			     " in a tcache, each in a mapping of its own");
	write_chunks(out, "free", &total->free, all, " in bins");
	write_chunks(out, "fastbins", &total->fastbins, all, ", free");
	write_chunks(out, "tcache", &total->tcache, all, ", free, each reserved for one thread");
	write_row(out, "top", total->top_bytes, all, "free memory at the end of each arena");
	write_row(out, "overhead", total->overhead_bytes, all,
		  "headers of arenas and heaps, and alignment");
	fprintf(out, "  fragmentation %s (free share of the heaps); longest free run %s\n",
		PERCENT(malloc_arena_use__fragmentation(total)),
		BYTES(malloc_trim__longest_run_bytes(item->trim,
						     item->image->instance->arena_cnt)));
	if (total->lost_bytes)
		write_row(out, "not read", total->lost_bytes, all,
			  "swapped out, damaged, or changing too fast to be read");
	if (total->missing_bytes)
		fprintf(out, "  another %s of the main arena, outside of [heap], was not found\n",
			BYTES(total->missing_bytes));
	write_sizes(item->sizes, out);
	write_pins(item, out);
}

static void write_hints(const struct malloc_use_item *malloc, uint64_t resident_bytes, FILE *out)
{
	struct malloc_hints hints = malloc_hints__find(malloc, resident_bytes);

	for (size_t i = 0; i < hints.cnt; i++)
		fprintf(out, "  - %s\n", hints.items[i].text);
}

void text_malloc__write(const struct malloc_use *use, uint64_t resident_bytes, FILE *out)
{
	for (size_t i = 0; i < use->cnt; i++) {
		write_malloc(use, i, out);
		write_hints(&use->items[i], resident_bytes, out);
	}
}
