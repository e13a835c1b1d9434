// SPDX-License-Identifier: BSD-2-Clause
#include "output/text_sites.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/text.h"
#include "util/units.h"

#define BYTES(bytes) (units__bytes((uint64_t)llround(bytes)).text)
#define COUNT(count) (units__count((uint64_t)llround(count)).text)

#define ROWS_MAX   10
#define FRAMES_MAX 3

static void write_frame(const struct stack_frame *frame, FILE *out)
{
	text__write(frame->function, out);
	fputs(" (", out);
	text__write(frame->file, out);
	if (frame->line > 0)
		fprintf(out, ":%d", frame->line);
	fputc(')', out);
}

/* Writes the frame that allocated and its callers, each caller on a line of its own. */
static void write_stack(const struct stack *stack, int indent, FILE *out)
{
	if (!stack->frame_cnt)
		fputs("[no Python frame]", out);
	for (uint32_t i = 0; i < stack->frame_cnt && i < FRAMES_MAX; i++) {
		if (i)
			fprintf(out, "\n%*s< ", indent, "");
		write_frame(&stack->frames[i], out);
	}
	if (stack->frame_cnt > FRAMES_MAX || stack->truncated)
		fputs(" < ...", out);
	fputc('\n', out);
}

/* Returns a sorted copy; NULL when out of memory, in which case the table is omitted. */
static struct ranked_site *sort(const struct site_ranking *ranking,
				int (*compare)(const void *, const void *))
{
	struct ranked_site *sites = calloc(ranking->cnt + 1, sizeof(*sites));

	for (size_t i = 0; sites && i < ranking->cnt; i++)
		sites[i] = ranking->items[i];
	if (sites && ranking->cnt)
		qsort(sites, ranking->cnt, sizeof(*sites), compare);
	return sites;
}

static double hostage_bytes(const struct site_ranking *ranking, const struct site_totals *totals)
{
	return ranking->keeps_blocks ? totals->hostage_bytes : totals->pool_hostage_bytes;
}

static void write_pinning(const struct site_ranking *ranking, FILE *out)
{
	_cleanup_free_ struct ranked_site *sites = sort(ranking, ranked_site__compare_hostage);
	bool by_block = ranking->keeps_blocks;
	double unknown_bytes = hostage_bytes(ranking, &ranking->unknown);

	/* The first site is the one that holds back most. */
	if (!sites || (unknown_bytes <= 0 &&
		       (!ranking->cnt || hostage_bytes(ranking, &sites[0].totals) <= 0)))
		return;
	fprintf(out, "\nPinned arenas by allocation site%s\n",
		by_block ? " of the pinning blocks" : " of the pools");
	fprintf(out, "  %12s %12s  %s\n", "held back", by_block ? "blocks" : "pools", "site");
	for (size_t i = 0; i < ranking->cnt && i < ROWS_MAX; i++) {
		const struct site_totals *totals = &sites[i].totals;
		double bytes = hostage_bytes(ranking, totals);

		if (bytes <= 0)
			break;
		fprintf(out, "  %12s %12s  ", BYTES(bytes),
			COUNT(by_block ? totals->pinning_blocks : (double)totals->pools_held));
		write_stack(&sites[i].stack, 28, out);
	}
	fprintf(out, "  %12s %12s  [unknown site]\n", BYTES(unknown_bytes),
		by_block ? COUNT(ranking->unknown.pinning_blocks) : "");
}

static void write_live(const struct site_ranking *ranking, FILE *out)
{
	_cleanup_free_ struct ranked_site *sites = sort(ranking, ranked_site__compare_live);

	if (!sites || !ranking->keeps_blocks)
		return;
	fprintf(out, "\nLive memory by allocation site%s%s%s\n",
		ranking->sample_bytes ? " (estimated; sampling interval " : "",
		ranking->sample_bytes ? BYTES((double)ranking->sample_bytes) : "",
		ranking->sample_bytes ? ")" : "");
	fprintf(out, "  %12s %12s %12s  %s\n", "live", "+- (95%)", "blocks", "site");
	for (size_t i = 0; i < ranking->cnt && i < ROWS_MAX; i++) {
		const struct site_totals *totals = &sites[i].totals;

		if (totals->live_bytes <= 0)
			break;
		fprintf(out, "  %12s %12s %12s  ", BYTES(totals->live_bytes),
			BYTES(site_totals__error_bytes(totals)), COUNT(totals->live_blocks));
		write_stack(&sites[i].stack, 41, out);
	}
	fprintf(out, "  %12s %12s %12s  [unknown site]\n", BYTES(ranking->unknown.live_bytes), "",
		COUNT(ranking->unknown.live_blocks));
}

static bool has_growth(const struct site_totals *totals)
{
	return totals->pools_taken || totals->arenas_taken;
}

static void write_growth(const struct site_ranking *ranking, FILE *out)
{
	_cleanup_free_ struct ranked_site *sites = sort(ranking, ranked_site__compare_growth);
	bool headed = false;

	for (size_t i = 0; sites && i < ranking->cnt && i < ROWS_MAX; i++) {
		const struct site_totals *totals = &sites[i].totals;

		if (!has_growth(totals))
			break;
		if (!headed)
			fprintf(out, "\nHeap growth by allocation site\n  %12s %12s %12s %8s  %s\n",
				"pools in use", "pools taken", "since last", "arenas", "site");
		headed = true;
		fprintf(out, "  %12s %12s %12s %8s  ", COUNT((double)totals->pools_held),
			COUNT((double)totals->pools_taken),
			COUNT((double)totals->interval_pools_taken),
			COUNT((double)totals->arenas_taken));
		write_stack(&sites[i].stack, 51, out);
	}
}

void text_sites__write(const struct site_ranking *ranking, FILE *out)
{
	write_pinning(ranking, out);
	write_live(ranking, out);
	write_growth(ranking, out);
}
