// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/chunk_owner.h"

#include "census/path_text.h"
#include "util/cleanup.h"

uint32_t chunk_owner__find(const struct owners_source *source, uint64_t block, uint32_t *kind)
{
	const struct graph *graph = source->graph;
	uint32_t node = block_table__find(&graph->census->blocks, block);
	size_t index;

	if (node != PLACE_NONE) {
		*kind = graph__kind(graph, node);
		return node;
	}
	index = outside_objects__at(source->outside, block);
	if (index == OUTSIDE_NONE)
		return NODE_NONE;
	*kind = source->outside->kinds[index];
	return graph->outside[index].type == TYPE_NONE
		       ? graph->outside[index].owner
		       : graph->census->blocks.place_cnt + (uint32_t)index;
}

int chunk_owner__find_path(char **out, const struct owners_source *source,
			   const struct retention *retention, uint32_t node)
{
	const struct path_text_options options = {.no_values = source->no_values};
	_cleanup_(retention_path__release) struct retention_path path = {};
	int err = retention__path(retention, node, &path);

	*out = NULL;
	if (err || !path.step_cnt)
		return err;
	return path_text__make(out, source->graph, source->roots, &path, &options);
}
