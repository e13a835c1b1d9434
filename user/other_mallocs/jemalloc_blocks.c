// SPDX-License-Identifier: BSD-2-Clause
#include "other_mallocs/jemalloc_blocks.h"

#include <errno.h>
#include <stdbool.h>

#include "other_mallocs/jemalloc_layout.h"
#include "other_mallocs/target_areas.h"
#include "util/account.h"
#include "util/checked.h"

#define BLOCK_ALIGNMENT (2UL << 20)
/* Blocks grow, so a process has few; and an address is searched for in at most so many steps. */
#define BLOCKS_MAX 1024
#define STEPS_MAX  1024

struct block_header {
	uint64_t size, next;
	uint64_t rest[JEMALLOC_EXTENT_WORDS]; /* here address and size are exact */
};

static bool is_known(struct jemalloc_blocks *blocks, uint64_t address)
{
	for (size_t i = 0; i < blocks->cnt; i++) {
		const struct malloc_range *block = &blocks->items[(blocks->last + i) % blocks->cnt];

		if (block->start <= address && address < block->end) {
			blocks->last = (size_t)(block - blocks->items);
			return true;
		}
	}
	return false;
}

static bool is_header(const struct block_header *header, uint64_t address)
{
	uint64_t end, rest_end;

	return header->size && header->size % BLOCK_ALIGNMENT == 0 &&
	       checked_add(address, header->size, &end) &&
	       checked_add(header->rest[JEMALLOC_EXTENT_ADDRESS],
			   header->rest[JEMALLOC_EXTENT_SIZE], &rest_end) &&
	       rest_end == end && header->rest[JEMALLOC_EXTENT_ADDRESS] > address;
}

/* Finds the block with @address. Returns 0, -ENOENT, or as memory__read_ranges(). */
static int find_block(const struct target *target, uint64_t address, struct malloc_range *block,
		      uint64_t *next)
{
	uint64_t at = address & ~(BLOCK_ALIGNMENT - 1);

	for (size_t i = 0; i < STEPS_MAX; i++, at -= BLOCK_ALIGNMENT) {
		struct block_header header;
		int err;

		if (!target_areas__are_anonymous(target, at, BLOCK_ALIGNMENT))
			return -ENOENT;
		err = memory__read(target->memory, at, &header, sizeof(header));
		if (err)
			return err == -EFAULT ? -ENOENT : err;
		if (!is_header(&header, at))
			continue;
		*block = (struct malloc_range){.start = at, .end = at + header.size};
		*next = header.next;
		return address < block->end ? 0 : -ENOENT;
	}
	return -ENOENT;
}

int jemalloc_blocks__add(struct jemalloc_blocks *blocks, const struct target *target,
			 uint64_t address)
{
	while (address && blocks->cnt < BLOCKS_MAX && !is_known(blocks, address)) {
		struct malloc_range block;
		int err = find_block(target, address, &block, &address);

		if (err)
			return err == -ENOENT ? 0 : err;
		err = ACCOUNT_RESERVE(target->memory->account, blocks->items, blocks->capacity,
				      blocks->cnt + 1);
		if (err)
			return err;
		blocks->last = blocks->cnt;
		blocks->items[blocks->cnt++] = block;
	}
	return 0;
}

void jemalloc_blocks__release(struct jemalloc_blocks *blocks)
{
	account__free(blocks->items);
	*blocks = (struct jemalloc_blocks){};
}
