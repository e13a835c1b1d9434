// SPDX-License-Identifier: BSD-2-Clause
#include "census/type_name.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/py_string.h"
#include "util/cleanup.h"

/*
 * PyHeapTypeObject: lowest and highest offset of ht_name, and distance from there to ht_qualname.
 */
#define HEAP_TYPE_NAME_MIN   400
#define HEAP_TYPE_NAME_MAX   1024
#define QUALNAME_BEHIND_NAME 16
#define MODULE_KEY	     "__module__"
#define EMPTY_NAME	     "''"

static int is_module_key(struct type_namer *namer, uint64_t key, bool *out)
{
	_cleanup_free_ char *text = NULL;
	int err;

	*out = namer->module_key && key == namer->module_key;
	if (namer->module_key)
		return 0;
	if (!namer->key_room)
		return -E2BIG;
	namer->key_room--;
	err = py_string__read(&text, namer->memory, namer->offsets, key);
	if (err)
		return memory__is_missing(err) ? 0 : err;
	*out = !strcmp(text, MODULE_KEY);
	if (*out)
		namer->module_key = key; /* it is interned: each interpreter has only one */
	return 0;
}

/*
 * *out stays NULL if there is none. Returns 0, -E2BIG if the room is used up, -ENOMEM or as
 * memory__read().
 */
static int find_module(struct type_namer *namer, const struct dict_entry *entries, size_t cnt,
		       char **out)
{
	for (size_t i = 0; i < cnt; i++) {
		bool is_module;
		int err = is_module_key(namer, entries[i].key, &is_module);

		if (err)
			return err;
		if (!is_module)
			continue;
		err = py_string__read(out, namer->memory, namer->offsets, entries[i].value);
		return memory__is_missing(err) ? 0 : err;
	}
	return 0;
}

/* *out stays NULL if the type has none. Returns as find_module() or dict__read(). */
static int read_module(struct type_namer *namer, const struct type *type, char **out)
{
	_cleanup_account_free_ struct dict_entry *entries = NULL;
	uint64_t key = namer->module_key;
	size_t cnt;
	int err;

	if (!type->dict)
		return 0;
	err = dict__read(&entries, &cnt, namer->memory, namer->dicts, type->dict,
			 &namer->dict_room);
	if (!err)
		err = find_module(namer, entries, cnt, out);
	if (err || *out || !key)
		return err;
	/* The type may belong to another interpreter. */
	namer->module_key = 0;
	err = find_module(namer, entries, cnt, out);
	if (!namer->module_key)
		namer->module_key = key;
	return err;
}

/*
 * The address of the str that contains the bytes of tp_name, if it is ASCII, as nearly all names
 * are.
 */
static uint64_t name_object(const struct type_namer *namer, const struct type *type)
{
	uint16_t data = namer->offsets->unicode_ascii_data;

	return type->name_at - (data == PY_NO_OFFSET ? namer->offsets->bytes_data : data);
}

static int read_qualname(struct type_namer *namer, const struct type *type, char **out)
{
	uint64_t words[(HEAP_TYPE_NAME_MAX + QUALNAME_BEHIND_NAME) / 8 + 1];
	int err;

	/* 2.7 has no qualified names. */
	if (namer->offsets->unicode_ascii_data == PY_NO_OFFSET)
		return 0;
	err = memory__read(namer->memory, type->address, words, sizeof(words));
	if (err)
		return memory__is_missing(err) ? 0 : err;
	for (size_t at = HEAP_TYPE_NAME_MIN / 8; at < HEAP_TYPE_NAME_MAX / 8; at++) {
		if (words[at] != name_object(namer, type))
			continue;
		namer->name_offset = (uint32_t)at * 8;
		err = py_string__read(out, namer->memory, namer->offsets,
				      words[at + QUALNAME_BEHIND_NAME / 8]);
		return memory__is_missing(err) ? 0 : err;
	}
	return 0;
}

int type_namer__name(struct type_namer *namer, const struct type *type, char **out)
{
	_cleanup_free_ char *module = NULL, *qualname = NULL;
	const char *name;
	char *whole;
	int err;

	if (!(type->flags & TYPE_HEAPTYPE) || type->name_has_dot) {
		*out = strdup(*type->name ? type->name : EMPTY_NAME);
		return *out ? 0 : -ENOMEM;
	}
	err = read_module(namer, type, &module);
	namer->refused_cnt += err == -E2BIG;
	if (!err || memory__is_missing(err))
		err = read_qualname(namer, type, &qualname);
	if (err)
		return err;
	name = qualname ? qualname : type->name;
	if (!*name)
		name = EMPTY_NAME;
	if (module && strcmp(module, "builtins") != 0)
		err = asprintf(&whole, "%s.%s", module, name) < 0 ? -ENOMEM : 0;
	else
		err = (whole = strdup(name)) ? 0 : -ENOMEM;
	if (err)
		return err;
	*out = whole;
	return 0;
}
