// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/held_chunks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/account.h"
#include "util/partition_point.h"

#define LISTS_MAX   76
#define SMALL_LISTS 64
#define HELD_MAX    0x7fff /* of one list: tunables allow 65,535, nobody has as many */
/* After so many links that lead to live blocks, they are read rightly. */
#define LINKS_SURE 64

/* How a tcache is laid out, by the size of its chunk. */
struct tcache_layout {
	uint16_t chunk_bytes, lists, number_bytes;
	bool counts_room; /* the numbers are of blocks that still fit */
};

static const struct tcache_layout layouts[] = {
	{.chunk_bytes = 0x290, .lists = 64, .number_bytes = 2},
	{.chunk_bytes = TCACHE_BYTES_MAX, .lists = 76, .number_bytes = 2, .counts_room = true},
	{.chunk_bytes = TCACHE_BYTES_MIN, .lists = 64, .number_bytes = 1},
};

static const struct tcache_layout *layout_of(uint64_t chunk_size)
{
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++)
		if (layouts[i].chunk_bytes == chunk_size)
			return &layouts[i];
	return NULL;
}

bool tcache__has_layout(uint64_t chunk_size)
{
	return layout_of(chunk_size);
}

/* Whether the block is in use as far as is known by now: in a heap, or in a mapping of its own. */
static bool is_live(const struct malloc_image *image, uint64_t block)
{
	return block % 16 == 0 && block_map__contains(image->live, block);
}

/* Which arena's heap has the block; NULL: none. */
static struct malloc_arena_use *arena_of(const struct malloc_image *image, uint64_t block)
{
	const struct malloc_heap_list *heaps = &image->instance->heaps;
	size_t i = PARTITION_POINT(heap, heaps->items, heaps->cnt, heap->end <= block);

	return i < heaps->cnt && heaps->items[i].start <= block
		       ? &image->arenas[heaps->items[i].arena]
		       : NULL;
}

/*
 * A copy of the page that the last word was in. Chunks are often freed one behind the other; then
 * many links of a list are in the same page.
 */
struct page_copy {
	uint64_t address; /* 0: none */
	uint64_t last;	  /* address of the last word */
	uint8_t bytes[MALLOC_PAGE_BYTES];
};

/* A list that is followed: what is done with each block, and what came of it. */
struct list {
	struct malloc_image *image;
	const struct memory *memory;
	struct page_copy *page;
	uint64_t block_offset; /* from what links point at to the block */
	uint64_t chunk_bytes;  /* of each; 0: they differ */
	bool is_cached;	       /* in a tcache; else in a fastbin */
};

/* Copies the page of a word if the one before was near. Returns 0 or as memory__read(). */
static int copy_page(const struct list *list, uint64_t address)
{
	struct page_copy *page = list->page;
	bool is_near = address - page->last + MALLOC_PAGE_BYTES < 2 * MALLOC_PAGE_BYTES;
	int err;

	page->last = address;
	page->address = 0;
	if (!is_near)
		return -EFAULT;
	address &= ~(MALLOC_PAGE_BYTES - 1);
	err = memory__read(list->memory, address, page->bytes, sizeof(page->bytes));
	if (!err)
		page->address = address;
	return err;
}

/* Reads a word, at an address that is a multiple of 8. Returns 0 or as memory__read(). */
static int read_word(const struct list *list, uint64_t address, uint64_t *word)
{
	const struct page_copy *page = list->page;
	int err = 0;

	if (!page->address || address - page->address >= MALLOC_PAGE_BYTES)
		err = copy_page(list, address);
	if (err == -EFAULT)
		return memory__read(list->memory, address, word, sizeof(*word));
	if (!err)
		memcpy(word, page->bytes + address % MALLOC_PAGE_BYTES, sizeof(*word));
	return err;
}

static int read_chunk_bytes(const struct list *list, uint64_t block, uint64_t *bytes)
{
	int err;

	*bytes = list->chunk_bytes;
	if (*bytes)
		return 0;
	err = read_word(list, block - 8, bytes);
	*bytes = chunk_word__size(*bytes);
	return err;
}

static int take_heap_block(const struct list *list, uint64_t block)
{
	struct malloc_image *image = list->image;
	struct malloc_arena_use *arena = arena_of(image, block);
	struct block_list *blocks = list->is_cached ? &image->cached : &image->fast;
	struct chunk_total *total;
	uint64_t bytes;
	bool was_live;
	int err = read_chunk_bytes(list, block, &bytes);

	if (!err)
		err = ACCOUNT_RESERVE(list->memory->account, blocks->items, blocks->capacity,
				      blocks->cnt + 1);
	if (err || !arena || bytes > arena->in_use.bytes)
		return err ? err : -EFAULT;
	block_map__remove(image->live, block, &was_live);
	blocks->items[blocks->cnt++] = block;
	total = list->is_cached ? &arena->tcache : &arena->fastbins;
	total->cnt++;
	total->bytes += bytes;
	arena->in_use.cnt--;
	arena->in_use.bytes -= bytes;
	return 0;
}

/* Takes a live block out of the live ones. */
static int take_block(const struct list *list, uint64_t block)
{
	struct mapped_chunk *mapped = mapped_chunks__of_block(list->image->mapped, block);

	bool was_live;

	if (!mapped)
		return take_heap_block(list, block);
	block_map__remove(list->image->live, block, &was_live);
	mapped->is_cached = true;
	return 0;
}

/* The link that is in the block at @block, decoded. Returns 0 or as memory__read(). */
static int read_link(const struct list *list, enum chunk_links links, uint64_t block,
		     uint64_t *link)
{
	int err = read_word(list, block, link);

	if (!err && links == LINKS_MANGLED)
		*link ^= block >> 12;
	return err;
}

/*
 * Whether the list from @link on leads from block to block to its end, if its links are so. A wrong
 * reading of links may lead to a block by chance, but not often in a row.
 */
static int leads_to_end(const struct list *list, enum chunk_links links, uint64_t link, bool *does)
{
	int err = 0;

	for (size_t i = 0; i < LINKS_SURE && link && !err; i++) {
		uint64_t block = link + list->block_offset;

		*does = is_live(list->image, block);
		if (!*does)
			return 0;
		err = read_link(list, links, block, &link);
	}
	return err;
}

/* Finds out from the list that begins with @link how links are written, if that is not known. */
static int learn_links(const struct list *list, uint64_t link)
{
	static const enum chunk_links kinds[] = {LINKS_MANGLED, LINKS_PLAIN};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds) && !list->image->links && !err; i++) {
		bool does = true;

		err = leads_to_end(list, kinds[i], link, &does);
		if (!err && does)
			list->image->links = kinds[i];
	}
	return err;
}

/*
 * Follows a list from @link on, a value without mangling. It ends where it should, or at what is no
 * live block: one that is taken is not, so a circle ends, too. *cnt: how many blocks there were.
 */
static int follow(const struct list *list, uint64_t link, size_t *cnt)
{
	int err = link ? learn_links(list, link) : 0;

	for (*cnt = 0; link && !err; (*cnt)++) {
		uint64_t block = link + list->block_offset;

		if (!is_live(list->image, block)) {
			list->image->torn_lists++;
			break;
		}
		err = read_link(list, list->image->links, block, &link);
		if (!err)
			err = take_block(list, block);
	}
	if (err == -EFAULT) {
		list->image->torn_lists++;
		err = 0;
	}
	return err;
}

int fastbins__take(struct malloc_image *image, size_t arena, const struct memory *memory)
{
	int err = 0;

	for (size_t i = 0; i < image->instance->layout->fastbin_cnt && !err; i++) {
		struct page_copy page = {};
		const struct list list = {
			.image = image,
			.memory = memory,
			.page = &page,
			.block_offset = CHUNK_HEADER_BYTES,
			.chunk_bytes = CHUNK_BYTES_MIN + 16 * i,
		};
		size_t cnt;

		err = follow(&list, image->instance->arenas[arena].fastbins[i], &cnt);
	}
	return err;
}

/* A tcache as it was read. */
struct tcache {
	uint64_t numbers[LISTS_MAX], entries[LISTS_MAX];
};

static int read_tcache(struct tcache *out, const struct tcache_layout *layout, uint64_t address,
		       const struct memory *memory)
{
	uint8_t bytes[TCACHE_BYTES_MAX];
	uint64_t largest = 0;
	int err = memory__read(memory, address + CHUNK_HEADER_BYTES, bytes,
			       layout->lists * (layout->number_bytes + sizeof(uint64_t)));

	if (err)
		return err;
	*out = (struct tcache){};
	for (size_t i = 0; i < layout->lists; i++) {
		memcpy(&out->numbers[i], bytes + i * layout->number_bytes, layout->number_bytes);
		largest = out->numbers[i] > largest ? out->numbers[i] : largest;
	}
	memcpy(out->entries, bytes + (size_t)layout->lists * layout->number_bytes,
	       layout->lists * sizeof(uint64_t));
	/* An empty list has as much room as there is. */
	for (size_t i = 0; i < layout->lists && layout->counts_room; i++)
		out->numbers[i] = largest - out->numbers[i];
	return 0;
}

/* Whether each list has blocks if it says so, and only then; and one has. */
static bool is_tcache(const struct malloc_image *image, const struct tcache *tcache)
{
	bool has_blocks = false;

	for (size_t i = 0; i < LISTS_MAX; i++) {
		if (!tcache->numbers[i] != !tcache->entries[i] || tcache->numbers[i] > HELD_MAX ||
		    (tcache->entries[i] && !is_live(image, tcache->entries[i])))
			return false;
		has_blocks |= tcache->entries[i] != 0;
	}
	return has_blocks;
}

int tcache__take(struct malloc_image *image, uint64_t address, uint64_t size,
		 const struct memory *memory)
{
	const struct tcache_layout *layout = layout_of(size);
	struct tcache tcache;
	int err = read_tcache(&tcache, layout, address, memory);

	if (err)
		return err == -EFAULT ? 0 : err;
	if (!is_tcache(image, &tcache))
		return 0;
	for (size_t i = 0; i < layout->lists && !err; i++) {
		struct page_copy page = {};
		const struct list list = {
			.image = image,
			.memory = memory,
			.page = &page,
			.chunk_bytes = i < SMALL_LISTS ? CHUNK_BYTES_MIN + 16 * i : 0,
			.is_cached = true,
		};
		size_t cnt;

		err = follow(&list, tcache.entries[i], &cnt);
		image->torn_lists += !err && cnt != tcache.numbers[i];
	}
	return err;
}
