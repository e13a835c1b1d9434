// SPDX-License-Identifier: BSD-2-Clause
#include "census/via.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "census/members.h"
#include "census/references.h"
#include "census/value.h"
#include "util/cleanup.h"

#define KEY_CHARACTERS 60

static int print(char **out, const char *before, const char *text, const char *after)
{
	return asprintf(out, "%s%s%s", before, text, after) < 0 ? -ENOMEM : 0;
}

/* A key that is neither a text nor a number is shown as its type. */
static int name_key(char **out, const struct graph *graph, uint64_t key)
{
	uint32_t type = graph__type_at(graph, key);
	_cleanup_free_ char *value = NULL;
	int err;

	if (type == TYPE_NONE)
		return print(out, "[", "?", "]");
	err = value__describe(&value, graph->census, key, type, KEY_CHARACTERS);
	if (err)
		return err;
	if (value)
		return print(out, "[", value, "]");
	return print(out, "[<", type_table__at(graph->census->types, type)->name, ">]");
}

static int name_attribute(char **out, const struct graph *graph, uint64_t name_at)
{
	_cleanup_free_ char *name = NULL;
	int err = name_key(&name, graph, name_at);
	size_t length;

	if (err)
		return err;
	/* Strip brackets and quotes. */
	length = strlen(name);
	if (length < 4 || name[1] != '\'')
		return print(out, ".", name, "");
	name[length - 2] = '\0';
	return print(out, ".", name + 2, "");
}

static int name_word(char **out, const struct graph *graph, const struct via *via)
{
	_cleanup_free_ char *member = NULL;
	int err = 0;

	if (via->type < TYPE_UNSEEN)
		err = members__name(&member, graph->census,
				    type_table__at(graph->census->types, via->type),
				    (uint32_t)via->detail);
	if (err)
		return err;
	if (member)
		return print(out, ".", member, "");
	return asprintf(out, ".<+%u>", (uint32_t)via->detail) < 0 ? -ENOMEM : 0;
}

int via__name(char **out, const struct graph *graph, const struct via *via, bool no_values)
{
	switch ((enum reference_how)via->how) {
	case REFERS_BY_KEY:
		if (no_values)
			return print(out, "[", "...", "]");
		return name_key(out, graph, via->detail);
	case REFERS_BY_ATTRIBUTE:
		return name_attribute(out, graph, via->detail);
	case REFERS_BY_INDEX:
		return asprintf(out, "[%u]", (uint32_t)via->detail) < 0 ? -ENOMEM : 0;
	case REFERS_AS_KEY:
		return print(out, "key", "", "");
	case REFERS_AS_ELEMENT:
		return print(out, "element", "", "");
	case REFERS_AS_DICT:
		return print(out, ".__dict__", "", "");
	case REFERS_AS_TYPE:
		return print(out, "type", "", "");
	case REFERS_TO_BUFFER:
		return print(out, "its buffer", "", "");
	default:
		return name_word(out, graph, via);
	}
}
