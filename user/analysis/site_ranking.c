// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/site_ranking.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

void site_ranking__free(struct site_ranking *sites)
{
	for (size_t i = 0; i < sites->cnt; i++)
		account__free((void *)sites->items[i].stack.frames);
	account__free(sites->items);
	account__free(sites->block_sites);
	account__free(sites->pool_sites);
	*sites = (struct site_ranking){};
}

static int compare_numbers(double left, double right)
{
	return (left < right) - (left > right);
}

int ranked_site__compare_hostage(const void *left_site, const void *right_site)
{
	const struct ranked_site *left = left_site, *right = right_site;
	int order = compare_numbers(left->totals.hostage_bytes, right->totals.hostage_bytes);

	if (!order)
		order = compare_numbers(left->totals.pool_hostage_bytes,
					right->totals.pool_hostage_bytes);
	return order ? order : ranked_site__compare_live(left, right);
}

int ranked_site__compare_live(const void *left_site, const void *right_site)
{
	const struct ranked_site *left = left_site, *right = right_site;
	int order = compare_numbers(left->totals.live_bytes, right->totals.live_bytes);

	return order ? order : ranked_site__compare_growth(left, right);
}

int ranked_site__compare_growth(const void *left_site, const void *right_site)
{
	const struct ranked_site *left = left_site, *right = right_site;
	int order =
		compare_numbers((double)left->totals.pools_held, (double)right->totals.pools_held);

	if (!order)
		order = compare_numbers((double)left->totals.pools_taken,
					(double)right->totals.pools_taken);
	if (!order)
		order = compare_numbers((double)left->totals.arenas_taken,
					(double)right->totals.arenas_taken);
	return order ? order : (left->id > right->id) - (left->id < right->id);
}

static bool has_anything(const struct site_totals *totals)
{
	return totals->live_blocks > 0 || totals->pools_taken || totals->pools_held ||
	       totals->arenas_taken;
}

/* Marks the first @max sites in the order of @compare. */
static void mark_first(struct ranked_site *items, size_t cnt, size_t max,
		       int (*compare)(const void *, const void *), bool *wanted)
{
	qsort(items, cnt, sizeof(*items), compare);
	for (size_t i = 0; i < cnt && i < max; i++)
		wanted[items[i].id] = true;
}

static int find_block_sites(struct site_ranking *sites, const struct site_ledger *ledger,
			    const struct heap *heap, const struct pinned *pinned,
			    uint32_t stack_cnt, bool *wanted)
{
	size_t cnt = pinned->block_cnt + 1;

	sites->block_sites = account__calloc(heap->account, cnt, sizeof(*sites->block_sites));
	if (!sites->block_sites)
		return -errno;
	sites->pool_sites = account__calloc(heap->account, cnt, sizeof(*sites->pool_sites));
	if (!sites->pool_sites)
		return -errno;
	for (size_t i = 0; i < pinned->block_cnt; i++) {
		uint64_t address = pinned->blocks[i].address;
		uint32_t block = site_ledger__block_stack(ledger, address);
		uint32_t pool =
			site_ledger__pool_stack(ledger,
						heap_layout__span_start(&heap->layout, address));

		if (block < stack_cnt)
			wanted[block] = true;
		if (pool < stack_cnt)
			wanted[pool] = true;
		sites->block_sites[i] = block;
		sites->pool_sites[i] = pool;
	}
	return 0;
}

static int copy_frames(struct ranked_site *site, const struct stack_table *stacks,
		       struct account *account)
{
	struct stack stack = stack_table__get(stacks, site->id);
	struct stack_frame *frames = account__calloc(account, stack.frame_cnt + 1, sizeof(*frames));

	if (!frames)
		return -errno;
	if (stack.frame_cnt)
		memcpy(frames, stack.frames, stack.frame_cnt * sizeof(*frames));
	site->stack = stack;
	site->stack.frames = frames;
	return 0;
}

/* Keeps the sites that are @wanted, with their frames. */
static int keep_wanted(struct site_ranking *sites, const struct stack_table *stacks,
		       struct ranked_site *all, size_t cnt, const bool *wanted,
		       struct account *account)
{
	sites->items = account__calloc(account, cnt + 1, sizeof(*sites->items));
	if (!sites->items)
		return -errno;
	for (size_t i = 0; i < cnt; i++) {
		int err;

		if (!wanted[all[i].id]) {
			sites->omitted_cnt++;
			continue;
		}
		err = copy_frames(&all[i], stacks, account);
		if (err)
			return err;
		sites->items[sites->cnt++] = all[i];
	}
	return 0;
}

static double less(double all, double known)
{
	return all > known ? all - known : 0;
}

static void find_unknown(struct site_ranking *sites, const struct ranked_site *all, size_t cnt,
			 const struct site_totals *unknown, const struct heap_measure *measure,
			 const struct pinned *pinned)
{
	struct site_totals known = {};

	for (size_t i = 0; i < cnt; i++) {
		known.live_bytes += all[i].totals.live_bytes;
		known.live_blocks += all[i].totals.live_blocks;
		known.hostage_bytes += all[i].totals.hostage_bytes;
		known.pinning_blocks += all[i].totals.pinning_blocks;
		known.pool_hostage_bytes += all[i].totals.pool_hostage_bytes;
	}
	sites->unknown = *unknown;
	sites->unknown.live_bytes = less((double)measure->totals.live_bytes, known.live_bytes);
	sites->unknown.live_blocks = less((double)measure->totals.live_blocks, known.live_blocks);
	sites->unknown.hostage_bytes = less((double)pinned->hostage_bytes, known.hostage_bytes);
	sites->unknown.pinning_blocks = less((double)pinned->live_blocks, known.pinning_blocks);
	sites->unknown.pool_hostage_bytes =
		less((double)pinned->hostage_bytes, known.pool_hostage_bytes);
}

int site_ranking__collect(struct site_ranking *out, const struct site_ledger *ledger,
			  const struct stack_table *stacks, size_t max, const struct heap *heap,
			  const struct heap_measure *measure, const struct pinned *pinned)
{
	uint32_t stack_cnt = stack_table__cnt(stacks);
	_cleanup_account_free_ struct ranked_site *all =
		account__calloc(heap->account, (size_t)stack_cnt + 1, sizeof(*all));
	_cleanup_account_free_ struct site_totals *totals = NULL;
	_cleanup_account_free_ bool *wanted = NULL;
	_cleanup_(site_ranking__free) struct site_ranking sites = {};
	size_t cnt = 0;
	int err;

	if (!all)
		return -errno;
	wanted = account__calloc(heap->account, (size_t)stack_cnt + 1, sizeof(*wanted));
	if (!wanted)
		return -errno;
	err = site_ledger__sum(ledger, heap, measure, pinned->below, &totals);
	if (!err)
		err = find_block_sites(&sites, ledger, heap, pinned, stack_cnt, wanted);
	if (err)
		return err;
	for (uint32_t i = 0; i < stack_cnt; i++)
		if (has_anything(&totals[i]))
			all[cnt++] = (struct ranked_site){.id = i, .totals = totals[i]};
	find_unknown(&sites, all, cnt, &totals[stack_cnt], measure, pinned);
	mark_first(all, cnt, max, ranked_site__compare_live, wanted);
	mark_first(all, cnt, max, ranked_site__compare_growth, wanted);
	mark_first(all, cnt, max, ranked_site__compare_hostage, wanted);
	err = keep_wanted(&sites, stacks, all, cnt, wanted, heap->account);
	if (err)
		return err;
	*out = sites;
	sites = (struct site_ranking){};
	return 0;
}
