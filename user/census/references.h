/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds what an object refers to. Where the layout is known, each reference is exact: tuples,
 * lists, dicts, sets, deques, the attributes of instances. In all other objects, each word that
 * could be an address is visited, and the receiver has to check whether there is an object.
 *
 * Layouts: Include/cpython/tupleobject.h, listobject.h, frameobject.h, Include/setobject.h (2.7: an
 * entry's hash comes before its key), Modules/_collectionsmodule.c (deques), dict.h, and for
 * instances Include/internal/pycore_object.h, pycore_dict.h. Weak references do not count.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "census/census.h"
#include "census/object_copy.h"
#include "census/reference.h"

struct references;

/* @census and @context must outlive *out. Returns 0 or -ENOMEM. The caller frees *out. */
int references__new(struct references **out, struct census *census, refer_fn *refer, void *context);
void references__free(struct references *references);
void references__freep(struct references **references);

/* How many bytes in front of an object are needed to find its references. */
#define OBJECT_BEFORE_BYTES 32

/*
 * Visits what an object refers to: what the copy contains at once, what is stored elsewhere at the
 * next references__flush(). Returns 0, -ENOMEM, -EDQUOT, as memory__read() or as refer().
 */
int references__of(struct references *references, uint32_t owner, const struct object_copy *object);

/*
 * Visits each word that could be an address, in memory that is no object but may hold references.
 */
int references__scan(struct references *references, uint32_t owner, const uint8_t *bytes,
		     size_t size);

/* Reads what is stored elsewhere and visits it. Returns as references__of() does. */
int references__flush(struct references *references);

/*
 * The number of objects some of whose items were left out: they claim to have more than there is
 * memory for.
 */
uint64_t references__left_out(const struct references *references);
