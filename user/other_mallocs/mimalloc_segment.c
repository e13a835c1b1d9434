// SPDX-License-Identifier: BSD-2-Clause
#include "other_mallocs/mimalloc_segment.h"

#include <string.h>

/* Where headers have the cookie, in bytes: the members before it differ. */
#define COOKIE_MIN 64
#define COOKIE_MAX 768
/* Sizes of entries. */
#define ENTRY_MIN 80
#define ENTRY_MAX 128

/* From 2.1.8 on there are two more members behind the cookie. */
static const size_t slices_behind_cookie[] = {8, 24};

/* The members before the entries, in words. */
enum header_word {
	HEADER_SLICES,
	HEADER_INFO_SLICES,
	HEADER_KIND,
	HEADER_ENTRIES,
	HEADER_THREAD,
	HEADER_END,
};

static uint32_t u32_at(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static uint16_t u16_at(const uint8_t *bytes)
{
	uint16_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

bool mimalloc_segment__page(struct mimalloc_page *out, const struct mimalloc_segment *segment,
			    const struct mimalloc_head *head, uint64_t slice)
{
	size_t entries = segment->layout.slices + HEADER_END * 8;
	uint64_t at = entries + slice * segment->layout.entry_bytes;

	if (slice >= segment->slices || slice >= MIMALLOC_SLICES ||
	    at + segment->layout.entry_bytes > sizeof(*head))
		return false;
	*out = (struct mimalloc_page){.slice = slice, .entry = (const uint8_t *)head->words + at};
	out->slices = u32_at(out->entry);
	return out->slices && out->slices <= segment->slices - slice &&
	       !u32_at(out->entry + 4); /* distance to the first slice of the run */
}

/* Whether the runs lead from the first slice to the end of the segment. */
static bool runs_cover(const struct mimalloc_segment *segment, const struct mimalloc_head *head)
{
	struct mimalloc_page page;
	uint64_t slice = 0;

	if (!mimalloc_segment__page(&page, segment, head, 0) || page.slices != segment->info_slices)
		return false;
	while (mimalloc_segment__page(&page, segment, head, slice))
		slice += page.slices;
	return slice == segment->slices;
}

static bool decode_header(struct mimalloc_segment *out, const struct mimalloc_head *head,
			  uint64_t address, size_t cookie, size_t slices)
{
	const uint64_t *words = head->words + slices / 8;
	uint64_t entries =
		words[HEADER_SLICES] < MIMALLOC_SLICES ? words[HEADER_SLICES] : MIMALLOC_SLICES;

	*out = (struct mimalloc_segment){.layout = {.cookie = cookie, .slices = slices},
					 .cookie = head->words[cookie / 8] ^ address,
					 .slices = words[HEADER_SLICES],
					 .info_slices = words[HEADER_INFO_SLICES]};
	return head->words[cookie / 8] && out->slices >= 2 && out->slices < 1UL << 32 &&
	       out->info_slices && out->info_slices < out->slices &&
	       (uint32_t)words[HEADER_KIND] <= 1 && words[HEADER_ENTRIES] >= 1 &&
	       words[HEADER_ENTRIES] <= entries;
}

static bool decode(struct mimalloc_segment *out, const struct mimalloc_head *head, uint64_t address,
		   const struct mimalloc_layout *layout)
{
	struct mimalloc_segment segment;

	if (!decode_header(&segment, head, address, layout->cookie, layout->slices))
		return false;
	segment.layout = *layout;
	if (!runs_cover(&segment, head))
		return false;
	*out = segment;
	return true;
}

bool mimalloc_segment__decode(struct mimalloc_segment *out, const struct mimalloc_head *head,
			      uint64_t address, const struct mimalloc_layout *layout)
{
	struct mimalloc_layout any;

	if (layout)
		return decode(out, head, address, layout);
	for (any.cookie = COOKIE_MIN; any.cookie <= COOKIE_MAX; any.cookie += 8)
		for (size_t i = 0; i < sizeof(slices_behind_cookie) / sizeof(*slices_behind_cookie);
		     i++) {
			any.slices = any.cookie + slices_behind_cookie[i];
			for (any.entry_bytes = ENTRY_MIN; any.entry_bytes <= ENTRY_MAX;
			     any.entry_bytes += 8)
				if (decode(out, head, address, &any))
					return true;
		}
	return false;
}

bool mimalloc_page__decode(struct mimalloc_blocks *out, const struct mimalloc_page *page,
			   size_t entry_layout)
{
	const uint8_t *entry = page->entry;
	uint64_t capacity = u16_at(entry + 10), reserved = u16_at(entry + 12),
		 bytes = page->slices * MIMALLOC_SLICE_BYTES;
	struct mimalloc_blocks blocks;

	if (entry_layout == 0) {
		blocks.used = u32_at(entry + 24);
		blocks.block_bytes = u32_at(entry + 28);
		/* A size that 32 bits cannot hold: that of the whole page. */
		if (blocks.block_bytes == 2UL << 30)
			blocks.block_bytes = bytes;
	} else {
		blocks.used = u16_at(entry + 32);
		memcpy(&blocks.block_bytes, entry + 40, sizeof(blocks.block_bytes));
	}
	/* A run that has just been taken, or is about to be returned, has blocks of 1 byte. */
	if (blocks.block_bytes <= 1)
		blocks = (struct mimalloc_blocks){};
	*out = blocks;
	if (!blocks.block_bytes)
		return true;
	return reserved && capacity <= reserved && blocks.used <= capacity &&
	       blocks.block_bytes <= bytes && reserved <= bytes / blocks.block_bytes;
}
