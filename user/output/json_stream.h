/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes JSON value by value, as soon as each is known, so a document is never in memory as a
 * whole. Long lists, such as those of a target's arenas, are begun, written item by item, and
 * ended.
 *
 * An error is remembered and stops all further writing, so checking it once at the end is enough.
 * What was written up to then is an incomplete document that no parser accepts.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct json_stream {
	FILE *out;
	bool has_items; /* in the innermost array or object, so a comma precedes the next */
	int err;	/* 0, -ENOMEM, or the error of writing to @out */
};

/*
 * Each of these writes one item of the innermost array or object. @key: plain ASCII, for a member
 * of an object; NULL for an item of an array and for the document itself.
 */
void json_stream__begin_object(struct json_stream *stream, const char *key);
void json_stream__end_object(struct json_stream *stream);
void json_stream__begin_array(struct json_stream *stream, const char *key);
void json_stream__end_array(struct json_stream *stream);

/* Writes a whole value and releases it. NULL means that allocating it failed. */
void json_stream__put(struct json_stream *stream, const char *key, json_t *value);

/* Writes all members of an object and releases it. NULL as above. */
void json_stream__put_members(struct json_stream *stream, json_t *object);
