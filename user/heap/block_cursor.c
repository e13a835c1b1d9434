// SPDX-License-Identifier: BSD-2-Clause
#include "heap/block_cursor.h"

struct block_cursor block_cursor__at(struct block_map *map)
{
	return (struct block_cursor){
		.map = map,
		.shift = (uint32_t)__builtin_ctz(block_map__alignment(map)),
	};
}

static void enter(struct block_cursor *cursor, uint64_t address, struct block_map_chunk *chunk)
{
	cursor->size = block_map__chunk_bytes(cursor->map);
	cursor->start = address & ~(cursor->size - 1);
	cursor->bits = chunk ? chunk->bits : NULL;
}

void block_cursor__move(struct block_cursor *cursor, uint64_t address)
{
	enter(cursor, address, block_map__chunk_to_change(cursor->map, address));
}

int block_cursor__move_to_add(struct block_cursor *cursor, uint64_t address)
{
	struct block_map_chunk *chunk;
	int err = block_map__get_chunk(cursor->map, address, &chunk);

	if (!err)
		enter(cursor, address, chunk);
	return err;
}
