// SPDX-License-Identifier: BSD-2-Clause
/*
 * Concatenated encoded messages are one message, which has the repeated fields of all of them
 * (https://protobuf.dev/programming-guides/encoding/, "Last One Wins"). So the profile is encoded
 * in pieces, one sample, location or string at a time, and each is passed to the compressor at
 * once. No second copy of the profile is ever built.
 *
 * Ids in the file are indices in the profile plus one. Strings keep their indices; strings that
 * pprof needs and the profile does not have follow them, in the order of enum extra_string.
 */
#include "output/pprof.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "output/profile_report.h"
#include "output/report_writers.h"
#include "pprof.pb-c.h"
#include "util/cleanup.h"

#define GZIP_WINDOW_BITS (MAX_WBITS + 16) /* zlib.h: adding 16 selects a gzip header */

enum {
	MAPPING_NONE,
	MAPPING_PYTHON,
	MAPPING_NATIVE,
};

enum extra_string {
	EXTRA_TYPES, /* of the values: alternating name and unit */
	EXTRA_SPACE = EXTRA_TYPES + 2 * PROFILE_VALUE_CNT,
	EXTRA_BYTES,
	EXTRA_PYTHON,
	EXTRA_NATIVE,
	EXTRA_PROGRAM,
	EXTRA_PROCESS,
	EXTRA_VERSION,
	EXTRA_CNT,
};

/* Takes encoded bytes and writes them compressed. */
struct gzip_buffer {
	ProtobufCBuffer base;
	z_stream stream;
	FILE *out;
	int err; /* the first error; nothing is written after it */
};

struct writer {
	const struct profile *profile;
	struct gzip_buffer *buffer;
};

static void run_deflate(struct gzip_buffer *buffer, int flush)
{
	unsigned char bytes[16384];

	do {
		size_t size;

		buffer->stream.next_out = bytes;
		buffer->stream.avail_out = sizeof(bytes);
		if (deflate(&buffer->stream, flush) == Z_STREAM_ERROR)
			buffer->err = -EINVAL;
		size = sizeof(bytes) - buffer->stream.avail_out;
		errno = 0;
		if (!buffer->err && fwrite(bytes, 1, size, buffer->out) != size)
			buffer->err = errno ? -errno : -EIO;
	} while (!buffer->err && !buffer->stream.avail_out);
}

static void append_to_gzip(ProtobufCBuffer *base, size_t size, const uint8_t *bytes)
{
	struct gzip_buffer *buffer = (struct gzip_buffer *)base;

	if (buffer->err)
		return;
	buffer->stream.next_in = (unsigned char *)bytes; /* zlib does not modify its input */
	buffer->stream.avail_in = (unsigned int)size;
	run_deflate(buffer, Z_NO_FLUSH);
}

static void put(const struct writer *writer, const Pprof__Profile *part)
{
	protobuf_c_message_pack_to_buffer(&part->base, &writer->buffer->base);
}

static int64_t extra(const struct writer *writer, int string)
{
	return (int64_t)writer->profile->strings.cnt + string;
}

static void put_sample_types(const struct writer *writer)
{
	for (int i = 0; i < PROFILE_VALUE_CNT; i++) {
		Pprof__Profile part = PPROF__PROFILE__INIT;
		Pprof__ValueType type = PPROF__VALUE_TYPE__INIT;

		type.type = extra(writer, EXTRA_TYPES + 2 * i);
		type.unit = extra(writer, EXTRA_TYPES + 2 * i + 1);
		part.n_sample_type = 1;
		part.sample_type = (Pprof__ValueType *[]){&type};
		put(writer, &part);
	}
}

static void put_info(const struct writer *writer)
{
	const struct profile_info *info = &writer->profile->info;
	int64_t comments[] = {extra(writer, EXTRA_PROGRAM), extra(writer, EXTRA_PROCESS),
			      extra(writer, EXTRA_VERSION)};
	Pprof__Profile part = PPROF__PROFILE__INIT;
	/* As in Go's heap profiles: runtime/pprof/protomem.go. */
	Pprof__ValueType period_type = PPROF__VALUE_TYPE__INIT;

	period_type.type = extra(writer, EXTRA_SPACE);
	period_type.unit = extra(writer, EXTRA_BYTES);
	part.time_nanos = info->time_ns;
	part.duration_nanos = info->duration_ns;
	part.period_type = &period_type;
	part.period = info->sample_bytes;
	part.n_comment = ARRAY_SIZE(comments);
	part.comment = comments;
	part.default_sample_type = extra(writer, EXTRA_TYPES + 2 * PROFILE_LIVE_BYTES);
	put(writer, &part);
}

static int put_samples(const struct writer *writer)
{
	const struct profile *profile = writer->profile;
	_cleanup_free_ uint64_t *ids = NULL;
	size_t cnt_max = 0;

	for (size_t i = 0; i < profile->stack_cnt; i++)
		if (profile->stacks[i].cnt > cnt_max)
			cnt_max = profile->stacks[i].cnt;
	ids = calloc(cnt_max + 1, sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	for (size_t i = 0; i < profile->stack_cnt; i++) {
		struct profile_stack *stack = &profile->stacks[i];
		Pprof__Profile part = PPROF__PROFILE__INIT;
		Pprof__Sample sample = PPROF__SAMPLE__INIT;

		for (size_t at = 0; at < stack->cnt; at++)
			ids[at] = profile->stack_locations[stack->first + at] + 1UL;
		sample.n_location_id = stack->cnt;
		sample.location_id = ids;
		sample.n_value = PROFILE_VALUE_CNT;
		sample.value = stack->values;
		part.n_sample = 1;
		part.sample = (Pprof__Sample *[]){&sample};
		put(writer, &part);
	}
	return 0;
}

/*
 * Says that names are known, so that no tool searches for a file of this name to look them up in.
 */
static void put_mapping(const struct writer *writer, uint64_t id, int name)
{
	Pprof__Profile part = PPROF__PROFILE__INIT;
	Pprof__Mapping mapping = PPROF__MAPPING__INIT;

	mapping.id = id;
	mapping.filename = extra(writer, name);
	mapping.has_functions = true;
	mapping.has_filenames = true;
	mapping.has_line_numbers = true;
	part.n_mapping = 1;
	part.mapping = (Pprof__Mapping *[]){&mapping};
	put(writer, &part);
}

static void put_locations(const struct writer *writer)
{
	static const uint64_t mappings[] = {
		[PROFILE_FRAME_PYTHON] = MAPPING_PYTHON,
		[PROFILE_FRAME_NATIVE] = MAPPING_NATIVE,
		[PROFILE_FRAME_MARK] = MAPPING_NONE,
	};
	const struct profile *profile = writer->profile;

	for (size_t i = 0; i < profile->location_cnt; i++) {
		const struct profile_location *from = &profile->locations[i];
		Pprof__Profile part = PPROF__PROFILE__INIT;
		Pprof__Location location = PPROF__LOCATION__INIT;
		Pprof__Line line = PPROF__LINE__INIT;

		line.function_id = from->function + 1UL;
		line.line = from->line;
		location.id = i + 1;
		location.mapping_id = mappings[profile->functions[from->function].kind];
		location.n_line = 1;
		location.line = (Pprof__Line *[]){&line};
		part.n_location = 1;
		part.location = (Pprof__Location *[]){&location};
		put(writer, &part);
	}
}

/*
 * Deliberately sets no system_name. If it equals the name, pprof demangles the name as C++ and
 * removes what looks like template arguments: "<listcomp>" becomes empty (Demangle() in pprof's
 * symbolizer.go).
 */
static void put_functions(const struct writer *writer)
{
	const struct profile *profile = writer->profile;

	for (size_t i = 0; i < profile->function_cnt; i++) {
		Pprof__Profile part = PPROF__PROFILE__INIT;
		Pprof__Function function = PPROF__FUNCTION__INIT;

		function.id = i + 1;
		function.name = profile->functions[i].name;
		function.filename = profile->functions[i].file;
		part.n_function = 1;
		part.function = (Pprof__Function *[]){&function};
		put(writer, &part);
	}
}

static void put_string(const struct writer *writer, const char *text)
{
	Pprof__Profile part = PPROF__PROFILE__INIT;

	part.n_string_table = 1;
	part.string_table = (char *[]){(char *)text}; /* encoding does not modify it */
	put(writer, &part);
}

static int put_strings(const struct writer *writer)
{
	const struct profile *profile = writer->profile;
	const struct profile_info *info = &profile->info;
	_cleanup_free_ char *process = NULL, *version = NULL;
	const char *extras[EXTRA_CNT] = {
		[EXTRA_SPACE] = "space",
		[EXTRA_BYTES] = "bytes",
		[EXTRA_PYTHON] = "python",
		[EXTRA_NATIVE] = "native",
	};

	if (asprintf(&process, "process %d (%s)", info->pid, info->comm) < 0 ||
	    asprintf(&version, "CPython %s", info->python_version) < 0)
		return -ENOMEM;
	extras[EXTRA_PROGRAM] = "pyfrag " PYFRAG_VERSION;
	extras[EXTRA_PROCESS] = process;
	extras[EXTRA_VERSION] = version;
	for (int i = 0; i < PROFILE_VALUE_CNT; i++) {
		extras[EXTRA_TYPES + 2 * i] = profile_value_types[i].name;
		extras[EXTRA_TYPES + 2 * i + 1] = profile_value_types[i].unit;
	}
	for (size_t i = 0; i < profile->strings.cnt; i++)
		put_string(writer, profile->strings.texts[i]);
	for (size_t i = 0; i < EXTRA_CNT; i++)
		put_string(writer, extras[i]);
	return 0;
}

static int put_all(const struct writer *writer)
{
	int err;

	put_sample_types(writer);
	put_info(writer);
	err = put_samples(writer);
	if (err)
		return err;
	put_mapping(writer, MAPPING_PYTHON, EXTRA_PYTHON);
	put_mapping(writer, MAPPING_NATIVE, EXTRA_NATIVE);
	put_locations(writer);
	put_functions(writer);
	return put_strings(writer);
}

static void end_deflate(struct gzip_buffer *buffer)
{
	deflateEnd(&buffer->stream);
}

int pprof__write(const struct profile *profile, FILE *out)
{
	_cleanup_(end_deflate) struct gzip_buffer buffer = {.base.append = append_to_gzip,
							    .out = out};
	const struct writer writer = {.profile = profile, .buffer = &buffer};
	int err;

	if (deflateInit2(&buffer.stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW_BITS,
			 MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	err = put_all(&writer);
	if (err)
		return err;
	if (!buffer.err)
		run_deflate(&buffer, Z_FINISH);
	if (buffer.err)
		return buffer.err;
	errno = 0;
	return fflush(out) ? (errno ? -errno : -EIO) : 0;
}

static int format(const struct profile *profile, const struct output_options *options, FILE *out)
{
	(void)options;
	return pprof__write(profile, out);
}

static int write_report(struct report_output *output, const struct report *report,
			struct failure *failure)
{
	return profile_report__write(output, report, format, failure);
}

const struct report_writer report_writer_pprof = {
	.name = "pprof",
	.summary = "allocation sites as a pprof profile, written once, when the trace ends",
	.noun = "profile",
	.at_end = true,
	.needs_sites = true,
	.is_binary = true,
	.begin = report_output__open_file,
	.write = write_report,
	.end = report_output__commit_file,
};
