/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The full name of a class, with the module and the scope that define it: "app.models.User",
 * "app.make.<locals>.Row".
 *
 * Built-in and extension types have their module in tp_name. A class has its module in its dict
 * (`__module__`), and its qualified name in ht_qualname, the second member after ht_name. ht_name
 * is the str that contains the bytes of tp_name (type_new(), Objects/typeobject.c;
 * Include/cpython/object.h). So ht_name is recognized by its value, wherever it is in a version.
 */
#pragma once

#include "census/dict.h"
#include "census/type_table.h"
#include "pyfrag/py_offsets.h"
#include "target/memory.h"

struct type_namer {
	uint64_t dict_room; /* entries of dicts that may still be read */
	uint64_t key_room;  /* keys that may still be read, to find "__module__" */
	/* Types that were named without their modules, since the room was used up. */
	uint64_t refused_cnt;
	const struct memory *memory;
	const struct py_offsets *offsets;
	enum dict_layout dicts;
	uint64_t module_key;  /* the str "__module__"; 0 until it is found */
	uint32_t name_offset; /* of ht_name; 0 until it is found */
};

/* From ht_name to ht_cached_keys, in a class whose instances share keys (3.3 and later). */
#define SHARED_KEYS_BEHIND_NAME 24

/*
 * Finds the name of @type. The caller frees *out. Parts that cannot be read are left out; tp_name
 * is always known. An empty name is written as two apostrophes. Returns 0, -ENOMEM, -EDQUOT or as
 * memory__read().
 */
int type_namer__name(struct type_namer *namer, const struct type *type, char **out);
