/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an object refers to. Where the layout is known each reference is exact: tuples, lists,
 * dicts, sets, deques, the attributes of instances. Of all other objects every word is taken that
 * could be an address; who takes these has to see whether an object is there.
 *
 * Layouts: Include/cpython/tupleobject.h, listobject.h, frameobject.h, Include/setobject.h (2.7: an
 * entry's hash comes before its key), Modules/_collectionsmodule.c (deques), dict.h, and for
 * instances Include/internal/pycore_object.h, pycore_dict.h. Weak references are none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "census/census.h"
#include "census/object_copy.h"
#include "census/reference.h"

struct references;

/* Both @census and @context must outlive it. Returns 0 or -ENOMEM; the caller frees it. */
int references__new(struct references **out, struct census *census, refer_fn *refer, void *context);
void references__free(struct references *references);
void references__freep(struct references **references);

/* How many bytes before an object belong to its description. */
#define OBJECT_BEFORE_BYTES 32

/*
 * Tells what an object refers to: what its copy shows at once, what lies elsewhere at the next
 * references__flush(). Returns 0, -ENOMEM, as memory__read() or as refer().
 */
int references__of(struct references *references, uint32_t owner, const struct object_copy *object);

/* Tells each word of what is no object, but may hold references. */
int references__scan(struct references *references, uint32_t owner, const uint8_t *bytes,
		     size_t size);

/* Reads what lies elsewhere, and tells of it. As above. */
int references__flush(struct references *references);

/*
 * Of so many objects some items were left out: they say that they have more than there is memory
 * for.
 */
uint64_t references__left_out(const struct references *references);
