// SPDX-License-Identifier: BSD-2-Clause
#include "output/json_malloc_map.h"

#include "output/json_values.h"

static json_t *pack_in_use(const struct malloc_map_heap *heap)
{
	json_t *list = json_array();

	for (size_t i = 0; i < heap->sector_cnt; i++)
		json_values__append(&list, json_integer((json_int_t)heap->in_use[i]));
	return list;
}

static json_t *pack_resident(const struct malloc_map *map, uint64_t bytes)
{
	return map->knows_resident ? json_integer((json_int_t)bytes) : json_null();
}

static json_t *pack_heap(const struct malloc_map *map, const struct malloc_map_heap *heap)
{
	return json_pack("{s:o, s:b, s:o, s:I, s:I, s:s, s:o, s:I, s:I, s:I, s:I, s:o, s:o}",
			 "arena", json_values__address(heap->arena), "is_main", heap->is_main,
			 "address", json_values__address(heap->start), "bytes",
			 (json_int_t)(heap->end - heap->start), "sector_bytes",
			 (json_int_t)heap->sector_bytes, "sectors", heap->sectors, "sectors_in_use",
			 pack_in_use(heap), "in_use_bytes", (json_int_t)heap->in_use_bytes,
			 "free_bytes", (json_int_t)heap->free_bytes, "top_bytes",
			 (json_int_t)heap->top_bytes, "lost_bytes", (json_int_t)heap->lost_bytes,
			 "resident_bytes", pack_resident(map, heap->resident_bytes),
			 "free_resident_bytes", pack_resident(map, heap->free_resident_bytes));
}

void json_malloc_map__write(struct json_stream *stream, const struct malloc_map *map)
{
	json_stream__begin_array(stream, "malloc_map");
	for (size_t i = 0; i < map->cnt; i++)
		json_stream__put(stream, NULL, pack_heap(map, &map->heaps[i]));
	json_stream__end_array(stream);
}
