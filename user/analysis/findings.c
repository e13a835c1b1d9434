// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/findings.h"

#include <errno.h>
#include <stdlib.h>

#include "util/cleanup.h"

void findings__free(struct findings *findings)
{
	heap_measure__free(&findings->measure);
	pinned__free(&findings->pinned);
	memory_map__free(&findings->map);
}

/* Measures the resident bytes of each arena. *out stays NULL if they are not known. */
static int measure_resident(const struct heap *heap, const struct target *target, uint64_t **out)
{
	_cleanup_account_free_ struct resident_range *ranges =
		account__calloc(heap->account, heap->region_cnt + 1, sizeof(*ranges));
	_cleanup_account_free_ uint64_t *resident = NULL;
	int err;

	if (ranges)
		resident = account__calloc(heap->account, heap->region_cnt + 1, sizeof(*resident));
	if (!resident)
		return -errno;
	for (size_t i = 0; i < heap->region_cnt; i++)
		ranges[i] = (struct resident_range){.address = heap->regions[i].address,
						    .size = heap->regions[i].size};
	if (!target)
		return 0;
	err = target__measure_resident(target, ranges, heap->region_cnt);
	if (err)
		return err == -ETIME ? err : 0;
	for (size_t i = 0; i < heap->region_cnt; i++)
		resident[i] = ranges[i].resident_bytes;
	*out = TAKE_PTR(resident);
	return 0;
}

int findings__collect(struct findings *out, const struct heap *heap, const struct target *target,
		      const struct findings_options *options, struct pinned_history *history,
		      uint64_t now_ns, struct counters *counters)
{
	_cleanup_(findings__free) struct findings findings = {
		.layout = heap->layout,
		.has_arenas = !heap->spans,
		.pinned = {.below = options->below},
		.resident_bytes = RESIDENT_UNKNOWN,
		.has_map = options->with_map,
	};
	_cleanup_account_free_ uint64_t *resident = NULL;
	struct pinned_options pinned_options = {
		.below = options->below,
		.blocks_per_region_max = options->blocks_per_arena_max,
	};
	int err;

	err = heap__measure(heap, &findings.measure);
	if (!err)
		err = measure_resident(heap, target, &resident);
	if (err)
		return err;
	if (resident) {
		findings.resident_is_upper_bound = !target__residency_is_exact(target);
		findings.resident_bytes = 0;
		for (size_t i = 0; i < heap->region_cnt; i++)
			findings.resident_bytes += resident[i];
	}
	pinned_options.resident_bytes = resident;
	if (findings.has_arenas)
		err = pinned__find(&findings.pinned, heap, &findings.measure, &pinned_options,
				   history, now_ns);
	if (!err && options->with_map && findings.has_arenas)
		err = memory_map__draw(&findings.map, heap);
	if (err)
		return err;
	counters__add(counters, COUNTER_POOLS_UNCLASSIFIED,
		      findings.measure.totals.unclassified_spans);
	counters__add(counters, COUNTER_BLOCKS_STRAY, findings.measure.totals.stray_blocks);
	counters__set(counters, COUNTER_POOLS_SWAPPED, findings.measure.totals.unread_spans);
	counters__set(counters, COUNTER_BLOCKS_UNLISTED,
		      findings.pinned.live_blocks - findings.pinned.block_cnt);
	if (target)
		counters__set(counters, COUNTER_TEXTS_CUT,
			      target->cmdline_is_cut + target->maps_are_cut);
	*out = findings;
	findings = (struct findings){};
	return 0;
}
