// SPDX-License-Identifier: BSD-2-Clause
#include "heap/block_places.h"

#include <errno.h>
#include <stdlib.h>

static void set_places(const struct heap_layout *layout, uint8_t size_class, uint64_t *words)
{
	struct span span;

	layout->operations->describe_class(layout, size_class, &span);
	for (uint32_t i = 0; i < span.block_cnt; i++) {
		uint64_t unit = (span.first_block + i * span.block_size) / layout->map.alignment;

		words[unit / 64] |= 1UL << (unit % 64);
	}
}

int block_places__new(struct block_places **out, const struct heap_layout *layout)
{
	size_t word_cnt = layout->span_size / layout->map.alignment / 64;
	struct block_places *places =
		calloc(1, sizeof(*places) + layout->class_cnt * word_cnt * sizeof(uint64_t));

	if (!places)
		return -ENOMEM;
	places->word_cnt = word_cnt;
	for (uint32_t i = 0; i < layout->class_cnt && word_cnt; i++)
		set_places(layout, (uint8_t)i, &places->words[i * word_cnt]);
	*out = places;
	return 0;
}
