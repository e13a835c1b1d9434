// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/pin_summary.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/census_kinds.h"
#include "analysis/pin_ranking.h"
#include "target/shortage.h"
#include "util/cleanup.h"
#include "util/text.h"
#include "util/units.h"

#define KIND_BYTES 256
/*
 * Names in a program may be 2 KiB long. Longer names of functions and files are cut, and end
 * with "...".
 */
#define NAME_BYTES 256
/* How much of a site's stack is shown: the innermost frame and its caller. */
#define FRAMES_MAX 2

static void release_shares(struct pin_share *shares, size_t *cnt)
{
	for (size_t i = 0; i < *cnt; i++)
		free(shares[i].name);
	*cnt = 0;
}

void pin_summary__release(struct pin_summary *summary)
{
	release_shares(summary->kinds, &summary->kind_cnt);
	release_shares(summary->sites, &summary->site_cnt);
}

static int add_kinds(struct pin_summary *summary, const struct census *census,
		     const struct pinned *pinned)
{
	_cleanup_(pin_ranking__release) struct pin_ranking ranking = {};
	_cleanup_(pins__release) struct pins pins = {};
	int err = pins__find(&pins, census, pinned);

	if (!err)
		err = pin_ranking__by_kind(&ranking, &pins, census, BY_TYPE);
	if (err)
		return err;
	release_shares(summary->kinds, &summary->kind_cnt);
	for (size_t i = 0; i < ranking.cnt && i < PIN_SUMMARY_MAX; i++) {
		char name[KIND_BYTES];
		struct pin_share *share = &summary->kinds[i];

		census_kinds__describe(census, ranking.rows[i].kind, name, sizeof(name));
		*share = (struct pin_share){.name = strdup(name),
					    .hostage_bytes = ranking.rows[i].hostage_bytes};
		if (!share->name)
			return -ENOMEM;
		summary->kind_cnt++;
	}
	return 0;
}

int pin_summary__add_kinds(struct pin_summary *summary, const struct heap_source *source,
			   const struct heap *heap, const struct pinned *pinned,
			   struct failure *failure)
{
	_cleanup_(census__freep) struct census *census = NULL;
	int err = source_census__take(&census, source, heap, failure);

	if (err)
		return err;
	err = add_kinds(summary, census, pinned);
	return err ? shortage__describe(source->target, err, failure) : 0;
}

static void write_name(const char *name, FILE *out)
{
	_cleanup_free_ char *shown = name ? text__shorten(name, NAME_BYTES) : NULL;

	fputs(shown ? shown : "?", out);
}

static char *describe_site(const struct stack *stack)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	if (!stack->frame_cnt)
		fputs("[no Python frame]", out);
	for (uint32_t i = 0; i < stack->frame_cnt && i < FRAMES_MAX; i++) {
		const struct stack_frame *frame = &stack->frames[i];

		fputs(i ? " < " : "", out);
		write_name(frame->function, out);
		fputs(" (", out);
		write_name(frame->file ? text__base_name(frame->file) : NULL, out);
		fprintf(out, ":%d)", frame->line);
	}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

static double hostage_bytes(const struct site_ranking *ranking, const struct ranked_site *site)
{
	return ranking->keeps_blocks ? site->totals.hostage_bytes : site->totals.pool_hostage_bytes;
}

/* The ranking is sorted. */
int pin_summary__add_sites(struct pin_summary *summary, const struct site_ranking *ranking,
			   size_t max)
{
	release_shares(summary->sites, &summary->site_cnt);
	for (size_t i = 0; i < ranking->cnt && i < PIN_SUMMARY_MAX && i < max; i++) {
		const struct ranked_site *site = &ranking->items[i];
		struct pin_share *share = &summary->sites[i];

		*share = (struct pin_share){.name = describe_site(&site->stack),
					    .hostage_bytes = hostage_bytes(ranking, site),
					    .pools = (double)site->totals.pools_held};
		if (!share->name)
			return -ENOMEM;
		summary->site_cnt++;
	}
	return 0;
}

char *pin_summary__text(const struct pin_share *shares, size_t cnt)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (size_t i = 0; i < cnt; i++) {
		if (i)
			fputs(", ", out);
		text__write(shares[i].name, out);
		if (shares[i].hostage_bytes > 0)
			fprintf(out, " (%s)",
				units__bytes((uint64_t)llround(shares[i].hostage_bytes)).text);
	}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
