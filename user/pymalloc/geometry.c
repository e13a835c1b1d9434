// SPDX-License-Identifier: BSD-2-Clause
#include "pymalloc/geometry.h"

bool geometry__header_is_sane(const struct geometry *geometry, const struct pool_header *header)
{
	uint32_t size;

	if (header->szidx >= geometry__class_cnt(geometry))
		return false;
	size = geometry__block_size(geometry, header->szidx);
	return header->count <= geometry__pool_capacity(geometry, header->szidx) &&
	       header->maxnextoffset == geometry->pool_size - size &&
	       header->nextoffset >= POOL_HEADER_BYTES + 2 * size &&
	       header->nextoffset <= geometry->pool_size &&
	       (header->nextoffset - POOL_HEADER_BYTES) % size == 0;
}
