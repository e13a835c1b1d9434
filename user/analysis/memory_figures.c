// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/memory_figures.h"

static uint64_t sum_free(const struct malloc_use *use)
{
	uint64_t sum = use->mapped_cached.bytes;

	for (size_t i = 0; i < use->cnt; i++)
		sum += malloc_arena_use__free_bytes(&use->items[i].total);
	return sum;
}

static uint64_t sum_trimmable(const struct malloc_use *use)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < use->cnt; i++) {
		const struct malloc_trim *trim = use->items[i].trim;

		if (!trim->knows_resident)
			return FIGURE_UNKNOWN;
		sum += malloc_trim__released_bytes(trim);
	}
	return sum;
}

struct memory_figures memory_figures__of(const struct process_memory *memory)
{
	const struct malloc_use *malloc = process_memory__malloc(memory);
	struct memory_figures figures = MEMORY_FIGURES_UNKNOWN;

	if (memory->use.is_known) {
		figures.rss = memory->use.total.resident_bytes;
		figures.unexplained = memory->use.parts[MEMORY_UNEXPLAINED].resident_bytes;
	}
	/* With another malloc than glibc's, nothing is known of it. */
	if (malloc && malloc->cnt) {
		figures.malloc_in_use = malloc_use__bytes_in_use(malloc);
		figures.malloc_free = sum_free(malloc);
		figures.malloc_trimmable = sum_trimmable(malloc);
	}
	return figures;
}
