// SPDX-License-Identifier: BSD-2-Clause
#include "fake_types.h"

#include <string.h>

#include "census/type_table.h"

/* Offsets in struct _typeobject, as debuggers show them for 2.7 to 3.13. */
#define TP_TYPE	      8
#define TP_NAME	      24
#define TP_BASICSIZE  32
#define TP_ITEMSIZE   40
#define TP_FLAGS      168
#define TP_DICTOFFSET 288

void fake_type__map(struct fake_memory *memory, const struct fake_type *type)
{
	uint64_t name = type->address + FAKE_TYPE_BYTES;

	fake_memory__map(memory, type->address, 2 * FAKE_TYPE_BYTES);
	*fake_memory__word(memory, type->address) = 1;
	*fake_memory__word(memory, type->address + TP_TYPE) = type->metatype;
	*fake_memory__word(memory, type->address + TP_NAME) = name;
	*fake_memory__word(memory, type->address + TP_BASICSIZE) = type->basic_size;
	*fake_memory__word(memory, type->address + TP_ITEMSIZE) = type->item_size;
	*fake_memory__word(memory, type->address + TP_FLAGS) = type->flags | TYPE_READY;
	*fake_memory__word(memory, type->address + TP_DICTOFFSET) = (uint64_t)type->dict_offset;
	strcpy(fake_memory__at(memory, name, FAKE_TYPE_BYTES), type->name);
}

void fake_type__map_type(struct fake_memory *memory)
{
	fake_type__map(memory, &(struct fake_type){.address = FAKE_TYPE_TYPE,
						   .metatype = FAKE_TYPE_TYPE,
						   .flags = TYPE_TYPE_SUBCLASS | TYPE_HAVE_GC,
						   .basic_size = 888,
						   .item_size = 40,
						   .name = "type"});
}
