// SPDX-License-Identifier: BSD-2-Clause
#include "recording.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "util/array.h"
#include "util/cleanup.h"

#define FORMAT	  1
#define STATS_MAX 65536
#define PIECE_MAX (16U << 20)

static void gzclosep(gzFile *file)
{
	if (*file)
		gzclose(*file);
}

/*
 * The number after the "=" that follows @label, with thousands separators as the process prints
 * them.
 */
static int read_amount(const char *text, const char *label, uint64_t *out)
{
	const char *at = strstr(text, label);
	uint64_t amount = 0;

	at = at ? strchr(at, '=') : NULL;
	if (!at)
		return -EBADMSG;
	at += 1 + strspn(at + 1, " ");
	if (!isdigit((unsigned char)*at))
		return -EBADMSG;
	for (; isdigit((unsigned char)*at) || *at == ','; at++)
		if (*at != ',')
			amount = amount * 10 + (uint64_t)(*at - '0');
	*out = amount;
	return 0;
}

/*
 * Reads rows of five numbers: class, size, pools, blocks in use, available blocks. Skips other
 * lines.
 */
static int read_class_rows(struct recorded_stats *stats, const char *text)
{
	bool found = false;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		struct recorded_class row;
		unsigned int index, size;

		line += *line == '\n';
		if (sscanf(line, "%u %u %" SCNu64 " %" SCNu64 " %" SCNu64, &index, &size,
			   &row.pools, &row.live_blocks, &row.free_blocks) != 5)
			continue;
		if (index >= SIZE_CLASSES_MAX)
			return -EBADMSG;
		stats->classes[index] = row;
		found = true;
	}
	return found ? 0 : -EBADMSG;
}

int recorded_stats__parse(struct recorded_stats *out, const char *text)
{
	uint64_t headers, quantization, alignment;
	struct recorded_stats stats = {};

	if (read_class_rows(&stats, text) ||
	    read_amount(text, "# arenas allocated current", &stats.arenas) ||
	    read_amount(text, "bytes/arena", &stats.arena_bytes) ||
	    read_amount(text, "# bytes in allocated blocks", &stats.live_bytes) ||
	    read_amount(text, "# bytes in available blocks", &stats.free_block_bytes) ||
	    read_amount(text, "unused pools * ", &stats.free_pool_bytes) ||
	    read_amount(text, "# bytes lost to pool headers", &headers) ||
	    read_amount(text, "# bytes lost to quantization", &quantization) ||
	    read_amount(text, "# bytes lost to arena alignment", &alignment))
		return -EBADMSG;
	stats.overhead_bytes = headers + quantization + alignment;
	*out = stats;
	return 0;
}

/* Reads exactly @size bytes. */
static int read_bytes(gzFile file, void *bytes, size_t size)
{
	return gzread(file, bytes, (unsigned int)size) == (int)size ? 0 : -EBADMSG;
}

static int read_stats(struct recording *recording, gzFile file, const char *value)
{
	_cleanup_free_ char *text = NULL;
	size_t size;

	if (sscanf(value, "%zu", &size) != 1 || size > STATS_MAX)
		return -EBADMSG;
	text = calloc(1, size + 1);
	if (!text)
		return -ENOMEM;
	if (read_bytes(file, text, size))
		return -EBADMSG;
	return recorded_stats__parse(&recording->stats, text);
}

static int add_segment(struct data_image *data, uint64_t address, const void *bytes, size_t size)
{
	struct data_segment *segments, *segment;

	segments =
		account__realloc(NULL, data->segments, (data->segment_cnt + 1) * sizeof(*segments));
	if (!segments)
		return -ENOMEM;
	data->segments = segments;
	segment = &segments[data->segment_cnt];
	*segment = (struct data_segment){.address = address,
					 .bytes = account__alloc(NULL, size),
					 .size = size};
	if (!segment->bytes)
		return -ENOMEM;
	memcpy(segment->bytes, bytes, size);
	data->segment_cnt++;
	return 0;
}

/*
 * Reads a piece of memory after its address and size; maps it, and adds it to the image if it is
 * @data.
 */
static int read_piece(struct recording *recording, gzFile file, const char *value, bool data)
{
	uint64_t address;
	void *bytes;
	size_t size;

	if (sscanf(value, "%" SCNx64 " %zu", &address, &size) != 2 || !size || size > PIECE_MAX)
		return -EBADMSG;
	bytes = fake_memory__map(&recording->memory, address, size);
	if (read_bytes(file, bytes, size))
		return -EBADMSG;
	return data ? add_segment(&recording->data, address, bytes, size) : 0;
}

static int copy_text(char *out, size_t size, const char *text)
{
	return snprintf(out, size, "%s", text) < (int)size ? 0 : -EBADMSG;
}

static int read_number(const char *text, uint32_t *out)
{
	return sscanf(text, "%" SCNu32, out) == 1 ? 0 : -EBADMSG;
}

static int read_address(const char *text, uint64_t *out)
{
	return sscanf(text, "%" SCNx64, out) == 1 ? 0 : -EBADMSG;
}

/* Handles one line, @word and its value, and the bytes that follow it. */
static int take_line(struct recording *recording, gzFile file, const char *word, const char *value)
{
	if (!strcmp(word, "build"))
		return copy_text(recording->build, sizeof(recording->build), value);
	if (!strcmp(word, "version"))
		return copy_text(recording->version, sizeof(recording->version), value);
	if (!strcmp(word, "arena_size"))
		return read_number(value, &recording->geometry.arena_size);
	if (!strcmp(word, "pool_size"))
		return read_number(value, &recording->geometry.pool_size);
	if (!strcmp(word, "alignment"))
		return read_number(value, &recording->geometry.alignment);
	if (!strcmp(word, "used_pools"))
		return read_address(value, &recording->used_pools);
	if (!strcmp(word, "arenas"))
		return read_address(value, &recording->arenas);
	if (!strcmp(word, "stats"))
		return read_stats(recording, file, value);
	if (!strcmp(word, "data") || !strcmp(word, "memory"))
		return read_piece(recording, file, value, *word == 'd');
	/* The source of the value, for human readers only. */
	return !strcmp(word, "used_pools_by") || !strcmp(word, "stats_by") ? 0 : -EBADMSG;
}

/* Splits the next line into its first word and the rest. */
static int read_line(gzFile file, char *line, int size, char **value)
{
	size_t length;

	if (!gzgets(file, line, size))
		return -EBADMSG;
	length = strlen(line);
	if (!length || line[length - 1] != '\n')
		return -EBADMSG;
	line[length - 1] = '\0';
	*value = strchr(line, ' ');
	if (*value)
		*(*value)++ = '\0';
	else
		*value = line + length - 1;
	return 0;
}

static int read_lines(struct recording *recording, gzFile file)
{
	char line[256], *value;
	uint32_t format;
	int err;

	err = read_line(file, line, sizeof(line), &value);
	if (err || strcmp(line, "recording") != 0 || read_number(value, &format) ||
	    format != FORMAT)
		return -EBADMSG;
	for (;;) {
		err = read_line(file, line, sizeof(line), &value);
		if (err || !strcmp(line, "end"))
			return err;
		err = take_line(recording, file, line, value);
		if (err)
			return err;
	}
}

int recording__load(struct recording *out, const char *path)
{
	_cleanup_(recording__release) struct recording recording = {};
	_cleanup_(gzclosep) gzFile file = NULL;
	int err;

	fake_memory__init(&recording.memory);
	errno = 0;
	file = gzopen(path, "rb");
	if (!file)
		return errno ? -errno : -ENOMEM;
	err = read_lines(&recording, file);
	if (err)
		return err;
	if (!recording.stats.arenas || !recording.used_pools || !recording.data.segment_cnt)
		return -EBADMSG;
	*out = recording;
	recording = (struct recording){};
	return 0;
}

void recording__release(struct recording *recording)
{
	free(recording->changes);
	data_image__free(&recording->data);
	fake_memory__release(&recording->memory);
	*recording = (struct recording){};
}

struct pool_header *recording__pool(const struct recording *recording, uint64_t address)
{
	return fake_memory__at(&recording->memory, address, sizeof(struct pool_header));
}

uint8_t *recording__in_data(const struct recording *recording, uint64_t address, size_t size)
{
	for (size_t i = 0; i < recording->data.segment_cnt; i++) {
		const struct data_segment *segment = &recording->data.segments[i];

		if (address >= segment->address &&
		    address - segment->address + size <= segment->size)
			return segment->bytes + (address - segment->address);
	}
	abort();
}

void recording__overwrite(struct recording *recording, uint64_t address, uint64_t value)
{
	uint64_t *word = fake_memory__word(&recording->memory, address);

	if (ARRAY_RESERVE(recording->changes, recording->change_capacity,
			  recording->change_cnt + 1))
		abort();
	recording->changes[recording->change_cnt++] =
		(struct recording_change){.word = word, .value = *word};
	*word = value;
}

void recording__repair(struct recording *recording)
{
	while (recording->change_cnt) {
		const struct recording_change *change =
			&recording->changes[--recording->change_cnt];

		*change->word = change->value;
	}
}
