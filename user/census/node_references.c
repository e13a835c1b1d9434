// SPDX-License-Identifier: BSD-2-Clause
#include "census/node_references.h"

#include <errno.h>
#include <stdlib.h>

#include "census/pool_reader.h"
#include "util/cleanup.h"

int node_references__visit(const struct graph *graph, struct references *references, uint32_t node)
{
	struct census *census = graph->census;
	uint64_t address = graph__address(graph, node), size = graph__block_bytes(graph, node);
	uint32_t type = graph__type(graph, node), before = 0;
	_cleanup_account_free_ uint8_t *bytes = NULL;
	int err;

	if (size > BLOCK_COPY_MAX)
		size = BLOCK_COPY_MAX;
	if (type != TYPE_NONE && size)
		before = census__object_offset(census, graph__kind(graph, node));
	else if (type != TYPE_NONE)
		size = graph__outside_bytes(graph, node, &before);
	bytes = account__alloc(census->heap->account, size + 8);
	if (!bytes)
		return -errno;
	err = memory__read(census->memory, address - before, bytes, size);
	if (err)
		return err == -EFAULT ? 0 : err;
	if (type == TYPE_NONE)
		return references__scan(references, node, bytes, size);
	err = references__of(references, node,
			     &(struct object_copy){.address = address,
						   .type = type,
						   .bytes = bytes + before,
						   .before = before,
						   .size = size - before});
	return err ? err : references__flush(references);
}
