// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/arena.h"

#include <string.h>

#include "util/word.h"

#define ARENA_BYTES_MAX	   (112 + ARENA_END_AFTER_BINS)
#define FLAG_NONCONTIGUOUS 2U

const struct arena_layout arena_layouts[ARENA_LAYOUTS] = {
	{.fastbins = 16, .fastbin_cnt = 10, .top = 96, .bins = 112}, /* 2.27 to 2.42 */
	{.fastbins = 0, .fastbin_cnt = 0, .top = 8, .bins = 24},     /* from 2.43 on */
	{.fastbins = 8, .fastbin_cnt = 10, .top = 88, .bins = 104},  /* up to 2.26 */
};

int malloc_arena__read(struct malloc_arena *out, const struct arena_layout *layout,
		       const struct memory *memory, uint64_t address)
{
	uint8_t bytes[ARENA_BYTES_MAX];
	const uint8_t *rest = bytes + layout->bins + ARENA_NEXT_AFTER_BINS;
	int err = memory__read(memory, address, bytes, layout->bins + ARENA_END_AFTER_BINS);
	uint32_t flags;

	if (err)
		return err;
	memcpy(&flags, bytes + ARENA_FLAGS_AT, sizeof(flags));
	*out = (struct malloc_arena){
		.address = address,
		.is_contiguous = !(flags & FLAG_NONCONTIGUOUS),
		.top = word_at(bytes + layout->top),
		.threads = word_at(rest + 16),
		.system_bytes = word_at(rest + 24),
	};
	memcpy(out->fastbins, bytes + layout->fastbins, layout->fastbin_cnt * sizeof(uint64_t));
	return 0;
}

bool malloc_arena__is_unused(const struct malloc_arena *arena, const struct arena_layout *layout)
{
	return arena->top == malloc_arena__bins(arena, layout) - 16;
}
