// SPDX-License-Identifier: BSD-2-Clause
#include "output/json_stream.h"

#include <errno.h>

#define REAL_DIGITS 12

static void note_failure(struct json_stream *stream)
{
	stream->err = errno ? -errno : -EIO;
}

/* Writes what precedes a value: a comma, and its key if it has one. */
static void separate(struct json_stream *stream, const char *key)
{
	errno = 0;
	if ((stream->has_items && fputc(',', stream->out) == EOF) ||
	    (key && fprintf(stream->out, "\"%s\":", key) < 0))
		note_failure(stream);
	stream->has_items = true;
}

static void put_mark(struct json_stream *stream, char mark)
{
	errno = 0;
	if (!stream->err && fputc(mark, stream->out) == EOF)
		note_failure(stream);
}

static void begin(struct json_stream *stream, const char *key, char mark)
{
	if (stream->err)
		return;
	separate(stream, key);
	put_mark(stream, mark);
	stream->has_items = false;
}

static void end(struct json_stream *stream, char mark)
{
	put_mark(stream, mark);
	stream->has_items = true;
}

void json_stream__begin_object(struct json_stream *stream, const char *key)
{
	begin(stream, key, '{');
}

void json_stream__end_object(struct json_stream *stream)
{
	end(stream, '}');
}

void json_stream__begin_array(struct json_stream *stream, const char *key)
{
	begin(stream, key, '[');
}

void json_stream__end_array(struct json_stream *stream)
{
	end(stream, ']');
}

static void put(struct json_stream *stream, const char *key, const json_t *value)
{
	const size_t flags = JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(REAL_DIGITS);

	if (!value && !stream->err)
		stream->err = -ENOMEM;
	if (stream->err)
		return;
	separate(stream, key);
	errno = 0;
	if (!stream->err && json_dumpf(value, stream->out, flags))
		note_failure(stream);
}

void json_stream__put(struct json_stream *stream, const char *key, json_t *value)
{
	put(stream, key, value);
	json_decref(value);
}

void json_stream__put_members(struct json_stream *stream, json_t *object)
{
	const char *key;
	json_t *value;

	if (!object && !stream->err)
		stream->err = -ENOMEM;
	json_object_foreach(object, key, value) put(stream, key, value);
	json_decref(object);
}
