/* SPDX-License-Identifier: BSD-2-Clause */
/* Hand-made type objects in a fake address space. */
#pragma once

#include <stdint.h>

#include "fake_memory.h"

#define FAKE_TYPE_BYTES 1024UL

struct fake_type {
	uint64_t address, metatype; /* the latter may be the type itself */
	uint64_t flags;		    /* in addition to TYPE_READY */
	uint64_t basic_size, item_size;
	int64_t dict_offset;
	const char *name;
};

/* Maps the type, followed by its name. */
void fake_type__map(struct fake_memory *memory, const struct fake_type *type);

/* `type` itself. */
#define FAKE_TYPE_TYPE 0x7f5500000000UL
void fake_type__map_type(struct fake_memory *memory);
