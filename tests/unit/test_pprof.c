// SPDX-License-Identifier: BSD-2-Clause
/*
 * The file is decompressed by zlib and unpacked by the generated code, and its stacks are
 * reassembled from its tables. tests/e2e/test_profile_formats.py checks with pprof itself whether
 * other tools can read it.
 */
#include "output/pprof.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "pprof.pb-c.h"
#include "sample_profile.h"
#include "unit_test.h"
#include "util/cleanup.h"
#include "util/text.h"

#define UNPACKED_MAX (8UL << 20)

static void release_message(Pprof__Profile **message)
{
	if (*message)
		pprof__profile__free_unpacked(*message, NULL);
}

static char *write_pprof(const struct profile *profile, size_t *size)
{
	char *bytes = NULL;
	FILE *out = open_memstream(&bytes, size);

	assert_non_null(out);
	assert_int_equal(pprof__write(profile, out), 0);
	assert_int_equal(fclose(out), 0);
	return bytes;
}

/* The caller frees the message. */
static Pprof__Profile *write_and_unpack(const struct profile *profile)
{
	_cleanup_free_ char *packed = NULL, *bytes = malloc(UNPACKED_MAX);
	z_stream stream = {.next_out = (unsigned char *)bytes, .avail_out = UNPACKED_MAX};
	Pprof__Profile *message;
	size_t size;

	assert_non_null(bytes);
	packed = write_pprof(profile, &size);
	stream.next_in = (unsigned char *)packed;
	stream.avail_in = (unsigned int)size;
	assert_int_equal(inflateInit2(&stream, 16 + MAX_WBITS), Z_OK); /* gzip, nothing else */
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.avail_in, 0);
	inflateEnd(&stream);
	message = pprof__profile__unpack(NULL, stream.total_out, (unsigned char *)bytes);
	assert_non_null(message);
	return message;
}

static const char *string_at(const Pprof__Profile *message, int64_t id)
{
	assert_in_range(id, 0, message->n_string_table - 1);
	return message->string_table[id];
}

static const Pprof__Location *get_location(const Pprof__Profile *message, uint64_t id)
{
	assert_in_range(id, 1, message->n_location);
	assert_int_equal(message->location[id - 1]->id, id);
	return message->location[id - 1];
}

/* As in test_profile.c, with the mapping as the kind. The caller frees the result. */
static char *describe(const Pprof__Profile *message, const Pprof__Sample *sample)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	for (size_t i = 0; i < sample->n_location_id; i++) {
		const Pprof__Location *location = get_location(message, sample->location_id[i]);
		const Pprof__Function *function;
		const char *mapping = "";

		assert_int_equal(location->n_line, 1);
		assert_in_range(location->line[0]->function_id, 1, message->n_function);
		function = message->function[location->line[0]->function_id - 1];
		assert_int_equal(function->id, location->line[0]->function_id);
		if (location->mapping_id) {
			assert_in_range(location->mapping_id, 1, message->n_mapping);
			mapping = string_at(message,
					    message->mapping[location->mapping_id - 1]->filename);
		}
		fprintf(out, "%s%s@%s:%d/%s", i ? " " : "", string_at(message, function->name),
			string_at(message, function->filename), (int)location->line[0]->line,
			mapping);
	}
	assert_int_equal(fclose(out), 0);
	return text;
}

static void assert_values(const Pprof__Profile *message, const char *stack, const int64_t *values)
{
	size_t found = 0;

	for (size_t i = 0; i < message->n_sample; i++) {
		_cleanup_free_ char *text = describe(message, message->sample[i]);

		if (strcmp(text, stack))
			continue;
		found++;
		assert_int_equal(message->sample[i]->n_value, PROFILE_VALUE_CNT);
		assert_memory_equal(message->sample[i]->value, values,
				    PROFILE_VALUE_CNT * sizeof(*values));
	}
	if (found != 1)
		fail_msg("%zu times: %s", found, stack);
}

static void test_samples(void **state)
{
	_cleanup_(profile__freep) struct profile *profile = sample_profile__new();
	_cleanup_(release_message) Pprof__Profile *message = write_and_unpack(profile);

	(void)state;
	assert_int_equal(message->n_sample, 4);
	assert_values(message,
		      "loads@/usr/lib/python3.11/json/__init__.py:346/python "
		      "handle@app.py:42/python main@app.py:10/python",
		      SAMPLE_VALUES(1000, 10, 300, 0));
	assert_values(message, "handle@app.py:43/python main@app.py:10/python",
		      SAMPLE_VALUES(2000, 20, 7, 32768));
	assert_values(message,
		      "scan_once@_json.so:0/native "
		      "loads@/usr/lib/python3.11/json/__init__.py:346/python [truncated]@:0/",
		      SAMPLE_VALUES(400, 4, 100, 1048576));
	assert_values(message, "[no stack]@:0/", SAMPLE_VALUES(50, 1, 0, 0));
	assert_int_equal(message->n_location, 7);
	assert_int_equal(message->n_function, 6);
}

static void test_head(void **state)
{
	static const char *const types[][2] = {
		{"live_bytes", "bytes"},
		{"live_blocks", "count"},
		{"hostage_bytes", "bytes"},
		{"growth", "bytes"},
	};
	static const char *const comments[] = {"pyfrag " PYFRAG_VERSION, "process 4242 (gunicorn)",
					       "CPython 3.11.2"};
	_cleanup_(profile__freep) struct profile *profile = sample_profile__new();
	_cleanup_(release_message) Pprof__Profile *message = write_and_unpack(profile);

	(void)state;
	assert_string_equal(message->string_table[0], "");
	assert_int_equal(message->n_sample_type, ARRAY_SIZE(types));
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		assert_string_equal(string_at(message, message->sample_type[i]->type), types[i][0]);
		assert_string_equal(string_at(message, message->sample_type[i]->unit), types[i][1]);
	}
	assert_string_equal(string_at(message, message->default_sample_type), "live_bytes");
	assert_string_equal(string_at(message, message->period_type->type), "space");
	assert_string_equal(string_at(message, message->period_type->unit), "bytes");
	assert_int_equal(message->period, 524288);
	assert_int_equal(message->time_nanos, 1700000000123456789);
	assert_int_equal(message->duration_nanos, 60000000000);
	assert_int_equal(message->n_comment, ARRAY_SIZE(comments));
	for (size_t i = 0; i < ARRAY_SIZE(comments); i++)
		assert_string_equal(string_at(message, message->comment[i]), comments[i]);
	assert_int_equal(message->n_mapping, 2);
	for (size_t i = 0; i < message->n_mapping; i++) {
		assert_int_equal(message->mapping[i]->id, i + 1);
		assert_true(message->mapping[i]->has_functions);
		assert_true(message->mapping[i]->has_filenames);
		assert_true(message->mapping[i]->has_line_numbers);
	}
}

static void test_no_stacks(void **state)
{
	_cleanup_(profile__freep) struct profile *profile = sample_profile__new_empty();
	_cleanup_(release_message) Pprof__Profile *message = write_and_unpack(profile);

	(void)state;
	assert_int_equal(message->n_sample, 0);
	assert_int_equal(message->n_location, 0);
	assert_int_equal(message->n_function, 0);
	assert_int_equal(message->n_sample_type, PROFILE_VALUE_CNT);
	assert_string_equal(string_at(message, message->default_sample_type), "live_bytes");
}

/* proto3 requires each string to be valid UTF-8. */
static void test_nasty_texts(void **state)
{
	_cleanup_(profile__freep) struct profile *profile = sample_profile__new_empty();
	_cleanup_(release_message) Pprof__Profile *message = NULL;

	(void)state;
	sample_profile__add_one(profile, "a;b\nc", "\033]0;x\007", 1, INT64_MAX);
	sample_profile__add_one(profile, "\xc3", "\xf0\x9f\x98\x80 dir/x.py", INT32_MAX, INT64_MIN);
	sample_profile__add_one(profile, "bytes", "python", 1, 3); /* like strings in pprof.c */
	message = write_and_unpack(profile);
	assert_values(message, "a;b?c@?]0;x?:1/python", SAMPLE_VALUES(INT64_MAX));
	assert_values(message,
		      "\xef\xbf\xbd@\xf0\x9f\x98\x80 dir/x.py:"
		      "2147483647/python",
		      SAMPLE_VALUES(INT64_MIN));
	assert_values(message, "bytes@python:1/python", SAMPLE_VALUES(3));
	for (size_t i = 0; i < message->n_string_table; i++) {
		_cleanup_free_ char *utf8 = text__to_utf8(message->string_table[i]);

		assert_string_equal(utf8, message->string_table[i]);
	}
}

/* More than any buffer on the way holds, and stacks deeper than most. */
static void test_large_profile(void **state)
{
	_cleanup_(profile__freep) struct profile *profile = sample_profile__new_empty();
	_cleanup_(release_message) Pprof__Profile *message = NULL;
	static struct profile_frame frames[500];
	static char names[500][16];
	int64_t sum = 0;

	(void)state;
	for (int i = 0; i < 500; i++) {
		snprintf(names[i], sizeof(names[i]), "function%d", i);
		frames[i] = (struct profile_frame)SAMPLE_PYTHON(names[i], "x.py", i + 1);
	}
	for (size_t from = 0; from < 500; from++)
		assert_int_equal(profile__add(profile, frames + from, 500 - from, from & 1,
					      SAMPLE_VALUES((int64_t)from * 1000)),
				 0);
	message = write_and_unpack(profile);
	assert_int_equal(message->n_sample, 500);
	assert_int_equal(message->n_location, 501);
	for (size_t i = 0; i < 500; i++) {
		assert_int_equal(message->sample[i]->n_location_id, 500 - i + (i & 1));
		sum += message->sample[i]->value[0];
	}
	assert_int_equal(sum, 499LL * 500 / 2 * 1000);
}

static void test_equal_profiles_are_equal_files(void **state)
{
	_cleanup_(profile__freep) struct profile *one = sample_profile__new();
	_cleanup_(profile__freep) struct profile *other = sample_profile__new();
	size_t one_size, other_size;
	_cleanup_free_ char *one_bytes = write_pprof(one, &one_size);
	_cleanup_free_ char *other_bytes = write_pprof(other, &other_size);

	(void)state;
	assert_int_equal(one_size, other_size);
	assert_memory_equal(one_bytes, other_bytes, one_size);
}

static void test_full_disk(void **state)
{
	_cleanup_(profile__freep) struct profile *profile = sample_profile__new();
	_cleanup_fclose_ FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	assert_int_equal(pprof__write(profile, full), -ENOSPC);
	/* Also if no data is left for the last flush. */
	assert_int_equal(setvbuf(full, NULL, _IONBF, 0), 0);
	assert_int_equal(pprof__write(profile, full), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_no_stacks),
		cmocka_unit_test(test_nasty_texts),
		cmocka_unit_test(test_large_profile),
		cmocka_unit_test(test_equal_profiles_are_equal_files),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
