/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON that is written value by value, each as soon as it is known: a document never is in memory
 * as a whole, only the value that is written. What is large, lists of what a target has, is begun,
 * written item by item, and ended.
 *
 * A failure is kept, and nothing is written after it: so one look at the end suffices. What was
 * written before it is the beginning of a document, which no reader takes for one.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct json_stream {
	FILE *out;
	bool has_items; /* what was begun last: the next is behind a comma */
	int err;	/* 0, -ENOMEM, or why @out did not take it */
};

/*
 * Each of these writes an item of what was begun last. @key is for one of an object, plain ASCII;
 * NULL for one of an array, and for the document itself.
 */
void json_stream__begin_object(struct json_stream *stream, const char *key);
void json_stream__end_object(struct json_stream *stream);
void json_stream__begin_array(struct json_stream *stream, const char *key);
void json_stream__end_array(struct json_stream *stream);

/* A whole value, which is released. NULL is one that there was no memory for. */
void json_stream__put(struct json_stream *stream, const char *key, json_t *value);

/* All members of an object, which is released. NULL as above. */
void json_stream__put_members(struct json_stream *stream, json_t *object);
