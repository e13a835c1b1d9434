/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole name of a class: where it is defined, and within what: "app.models.User",
 * "app.make.<locals>.Row".
 *
 * Built-in and extension types have their module in tp_name. Of a class, the module is in its dict
 * (`__module__`), and the qualified name in ht_qualname, the second member behind ht_name, which is
 * the str that holds the bytes of tp_name (type_new(), Objects/typeobject.c;
 * Include/cpython/object.h). So ht_name is known by its value, wherever it is in this version.
 */
#pragma once

#include "census/dict.h"
#include "census/type_table.h"
#include "pyfrag/py_offsets.h"
#include "target/memory.h"

struct type_namer {
	uint64_t dict_room; /* so many entries of dicts may still be read, */
	uint64_t key_room;  /* and so many of their keys, to see whether it is "__module__" */
	/* So many types were named without their modules, for there was no more. */
	uint64_t refused_cnt;
	const struct memory *memory;
	const struct py_offsets *offsets;
	enum dict_layout dicts;
	uint64_t module_key;  /* the str "__module__", when it was seen; 0 */
	uint32_t name_offset; /* of ht_name, when it was seen; 0 */
};

/* ht_cached_keys, of a class whose instances share keys (3.3 on). */
#define SHARED_KEYS_BEHIND_NAME 24

/*
 * The name of @type; the caller frees it. What cannot be read is left out: its tp_name is there in
 * any case. Returns 0, -ENOMEM or as memory__read().
 */
int type_namer__name(struct type_namer *namer, const struct type *type, char **out);
