// SPDX-License-Identifier: BSD-2-Clause
/*
 * The properties of the table; _Py_DebugOffsets of three builds (debug_offsets.h), with each word
 * corrupted in turn. tests/e2e/test_offsets.py checks the table on real Pythons.
 */
#include "target/offsets.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "debug_offsets.h"
#include "fake_memory.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define RUNTIME 0x555555a00000UL

static const struct image {
	int minor;
	const uint64_t *words;
	size_t cnt;
	uint64_t runtime_interpreters_head, interpreter_next, threads_head;
	/* From offsetof() on the headers of the build. */
	uint64_t frame_owner, first_traceable, full_collections, gc_stats;
} images[] = {
	{13, debug_offsets_313, DEBUG_OFFSETS_313_WORDS, 0x278, 0x1c60, 0x1cb0, 0x46, 0xb8,
	 0x1ce8 + 0x80 + 2 * 24, PY_NO_OFFSET},
	{14, debug_offsets_314, DEBUG_OFFSETS_314_WORDS, 0x328, 0x1c68, 0x1cb0, 0x4a, 0xc0,
	 0x1cf0 + 0x78 + 2 * 24, PY_NO_OFFSET},
	{15, debug_offsets_315, DEBUG_OFFSETS_315_WORDS, 0x3a8, 0x1c60, 0x1ca8, 0x4a, 0xc0,
	 PY_NO_OFFSET, 0x1ce8 + 0x68},
};

static struct py_offsets parse(const struct image *image)
{
	struct py_offsets offsets;
	struct failure failure;

	assert_int_equal(py_offsets__parse(&offsets, image->minor, image->words,
					   image->cnt * sizeof(uint64_t), &failure),
			 0);
	return offsets;
}

/* Members of one structure: all in different places, and each aligned. */
static void assert_apart(const __u16 *const *members, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++)
		for (size_t j = 0; j < i; j++)
			assert_true(*members[i] == PY_NO_OFFSET || *members[i] != *members[j]);
}

static void check_properties(const struct py_offsets *offsets)
{
	const __u16 *const thread[] = {&offsets->thread_next, &offsets->thread_interpreter,
				       &offsets->thread_id, &offsets->thread_frame};
	const __u16 *const frame[] = {&offsets->frame_previous, &offsets->frame_code,
				      &offsets->frame_instr, &offsets->frame_owner};
	const __u16 *const code[] = {&offsets->code_name,	&offsets->code_qualname,
				     &offsets->code_filename,	&offsets->code_firstlineno,
				     &offsets->code_line_table, &offsets->code_code,
				     &offsets->code_size,	&offsets->code_first_traceable};

	assert_apart(thread, ARRAY_SIZE(thread));
	assert_apart(frame, ARRAY_SIZE(frame));
	assert_apart(code, ARRAY_SIZE(code));
	for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
		assert_int_equal(*thread[i] % 8, 0);
	/* Common to all versions. */
	assert_int_equal(offsets->object_type, 8);
	assert_int_equal(offsets->type_name, 24);
	assert_int_equal(offsets->bytes_size, 16);
	assert_true(offsets->instr_kind >= PY_INSTR_BYTES && offsets->instr_kind <= PY_INSTR_NEXT);
	assert_true(offsets->line_kind >= PY_LINES_UNSIGNED &&
		    offsets->line_kind <= PY_LINES_LOCATIONS);
	/*
	 * Fields that exist together: the code within the code object, and the start of its
	 * offsets.
	 */
	assert_int_equal(offsets->code_size == PY_NO_OFFSET,
			 offsets->code_first_traceable == PY_NO_OFFSET);
	assert_int_equal(offsets->code_size == PY_NO_OFFSET, offsets->frame_owner == PY_NO_OFFSET);
	assert_int_equal(offsets->instr_kind >= PY_INSTR_PREVIOUS,
			 offsets->line_kind == PY_LINES_LOCATIONS);
	assert_true(offsets->cframe_current_frame == PY_NO_OFFSET ||
		    offsets->instr_kind == PY_INSTR_PREVIOUS);
}

static void test_table(void **state)
{
	size_t cnt = 0;

	(void)state;
	for (int major = 0; major < 5; major++)
		for (int minor = 0; minor < 20; minor++) {
			const struct py_offsets *offsets = py_offsets__of_version(major, minor);
			bool known = (major == 2 && minor == 7) ||
				     (major == 3 && minor >= 6 && minor <= 12);

			assert_int_equal(!!offsets, known);
			if (!offsets)
				continue;
			cnt++;
			check_properties(offsets);
			assert_int_equal(offsets->runtime_interpreters_head == PY_NO_OFFSET,
					 major == 2 || minor == 6);
			assert_int_equal(offsets->runtime_current_thread == PY_NO_OFFSET,
					 major == 2 || minor == 6 || minor == 12);
			assert_int_equal(offsets->thread_status == PY_NO_OFFSET,
					 major == 2 || minor < 12);
			assert_int_equal(offsets->unicode_length == PY_NO_OFFSET, major == 2);
			assert_int_equal(offsets->full_collections_in_interpreter, PY_NO_OFFSET);
			assert_int_equal(offsets->full_collections_in_runtime, PY_NO_OFFSET);
			assert_int_equal(offsets->interpreter_gc_stats, PY_NO_OFFSET);
			assert_int_equal(offsets->frame_code_tags, 0);
		}
	assert_int_equal(cnt, 8);
}

static void test_real_images(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
		struct py_offsets offsets = parse(&images[i]);

		check_properties(&offsets);
		assert_int_equal(offsets.runtime_interpreters_head,
				 images[i].runtime_interpreters_head);
		assert_int_equal(offsets.interpreter_next, images[i].interpreter_next);
		assert_int_equal(offsets.interpreter_threads_head, images[i].threads_head);
		assert_int_equal(offsets.frame_owner, images[i].frame_owner);
		assert_int_equal(offsets.code_first_traceable, images[i].first_traceable);
		assert_int_equal(offsets.full_collections_in_interpreter,
				 images[i].full_collections);
		assert_int_equal(offsets.full_collections_in_runtime, PY_NO_OFFSET);
		assert_int_equal(offsets.interpreter_gc_stats, images[i].gc_stats);
		assert_int_equal(offsets.unicode_ascii_data, 0x28);
		assert_int_equal(offsets.unicode_compact_data, 0x38);
		assert_int_equal(offsets.frame_code_tags, images[i].minor >= 14 ? 3 : 0);
	}
}

/*
 * A changed image: either it parses as before, or it is refused, with the error @expected (0: any).
 */
static void assert_refused(const struct image *image, const uint64_t *words, int expected)
{
	struct py_offsets offsets, untouched;
	struct failure failure = {};
	int err;

	memset(&offsets, 0x5a, sizeof(offsets));
	untouched = offsets;
	err = py_offsets__parse(&offsets, image->minor, words, image->cnt * sizeof(words[0]),
				&failure);
	assert_true(err < 0);
	if (expected)
		assert_int_equal(err, expected);
	assert_memory_equal(&offsets, &untouched, sizeof(offsets));
	assert_true(strlen(failure.text) > 0);
}

static void test_other_builds(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
		const struct image *image = &images[i];
		uint64_t words[128];

		memcpy(words, image->words, image->cnt * sizeof(words[0]));
		words[2] = 1; /* free-threaded */
		assert_refused(image, words, -ENOTSUP);
		words[2] = 0;
		words[0] ^= 1; /* the cookie */
		assert_refused(image, words, -EBADMSG);
		words[0] ^= 1;
		/* Another minor, another major, a beta, an alpha. */
		words[1] = image->words[1] + 0x10000;
		assert_refused(image, words, -EBADMSG);
		words[1] = image->words[1] + 0x1000000;
		assert_refused(image, words, -EBADMSG);
		words[1] = (image->words[1] & 0xffff0000) | 0xb4;
		assert_refused(image, words, -ENOTSUP);
		words[1] = (image->words[1] & 0xffff0000) | 0xa7;
		assert_refused(image, words, -ENOTSUP);
	}
}

static void test_any_micro_version(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
		struct py_offsets expected = parse(&images[i]), offsets;
		struct image changed = images[i];
		uint64_t words[128];

		memcpy(words, changed.words, changed.cnt * sizeof(words[0]));
		words[1] = (words[1] & 0xffff0000) | 0xc2; /* .0, second candidate */
		changed.words = words;
		offsets = parse(&changed);
		assert_memory_equal(&offsets, &expected, sizeof(offsets));
		words[1] = (words[1] & 0xffff0000) | 0x63f0; /* .99 */
		offsets = parse(&changed);
		assert_memory_equal(&offsets, &expected, sizeof(offsets));
	}
}

/* If the corrupted image still parses, all offsets have to fit into their structures. */
static void check_survivor(const struct image *image, const uint64_t *words, size_t spoilt)
{
	struct py_offsets expected = parse(image), offsets;
	struct failure failure;
	size_t changed = 0;

	if (py_offsets__parse(&offsets, image->minor, words, image->cnt * sizeof(words[0]),
			      &failure))
		return;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(__u16); i++) {
		__u16 before, after;

		memcpy(&before, (char *)&expected + i * sizeof(before), sizeof(before));
		memcpy(&after, (char *)&offsets + i * sizeof(after), sizeof(after));
		if (before == after)
			continue;
		changed++;
		/* Only the counter is left out. */
		if (after != PY_NO_OFFSET && after)
			fail_msg("3.%d: word %zu spoilt, and offset %zu is %u, not %u",
				 image->minor, spoilt, i, after, before);
	}
	assert_true(changed <= 4);
}

static void test_each_word_spoilt(void **state)
{
	static const uint64_t huge[] = {UINT64_MAX, 1UL << 63, 0x100000000, 0x7fff00001000,
					0xfffffff8};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(images); i++)
		for (size_t word = 0; word < images[i].cnt; word++)
			for (size_t h = 0; h < ARRAY_SIZE(huge); h++) {
				uint64_t words[128];

				memcpy(words, images[i].words, images[i].cnt * sizeof(words[0]));
				words[word] = huge[h];
				check_survivor(&images[i], words, word);
			}
}

static void test_objects_that_cannot_be(void **state)
{
	/*
	 * The words of pyobject.ob_type, tuple_object.ob_size and unicode_object.asciiobject_size.
	 */
	static const size_t words_313[] = {45, 52, 70};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words_313); i++) {
		uint64_t words[ARRAY_SIZE(debug_offsets_313)];

		memcpy(words, debug_offsets_313, sizeof(words));
		words[words_313[i]] = i == 2 ? 0x38 : 0;
		assert_refused(&images[0], words, -EBADMSG);
	}
}

/* A walk copies a frame, and has room for 31 words of it: no member may be after that. */
static void test_a_frame_that_is_too_large(void **state)
{
	/* The words of interpreter_frame.size and interpreter_frame.previous. */
	static const size_t size_313 = 28, previous_313 = 29;
	uint64_t words[ARRAY_SIZE(debug_offsets_313)];
	struct py_offsets offsets;
	struct failure failure;

	(void)state;
	memcpy(words, debug_offsets_313, sizeof(words));
	words[size_313] = 248;
	words[previous_313] = 240;
	assert_int_equal(py_offsets__parse(&offsets, 13, words, sizeof(words), &failure), 0);
	assert_int_equal(py_offsets__frame_bytes(&offsets), 248);
	words[size_313] = 256;
	assert_refused(&images[0], words, -EBADMSG);
	words[previous_313] = 248;
	assert_refused(&images[0], words, -EBADMSG);
}

static void test_all_zero(void **state)
{
	static const uint64_t words[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(images); i++)
		assert_refused(&images[i], words, -EBADMSG);
}

static void test_other_records_of_collections(void **state)
{
	uint64_t words[ARRAY_SIZE(debug_offsets_315)];
	struct py_offsets offsets;
	struct failure failure;

	(void)state;
	memcpy(words, debug_offsets_315, sizeof(words));
	words[97] += 64; /* sizeof(struct gc_stats) */
	assert_int_equal(py_offsets__parse(&offsets, 15, words, sizeof(words), &failure), 0);
	assert_int_equal(offsets.interpreter_gc_stats, PY_NO_OFFSET);
	assert_int_equal(offsets.gc_stats_record_cnt, 0);
	assert_int_equal(offsets.interpreter_next, 0x1c60);
}

static void test_cut_off(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(images); i++)
		for (size_t size = 0; size < images[i].cnt * sizeof(uint64_t); size += 5) {
			struct py_offsets offsets;
			struct failure failure = {};

			assert_int_equal(py_offsets__parse(&offsets, images[i].minor,
							   images[i].words, size, &failure),
					 -EBADMSG);
			assert_true(strlen(failure.text) > 0);
		}
}

static void test_unknown_versions(void **state)
{
	static const int versions[][2] = {{2, 6},  {3, 0}, {3, 5}, {3, 16},
					  {3, 99}, {4, 0}, {4, 13}};
	struct py_offsets offsets;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		struct failure failure = {};

		/* Nothing is read: there is no memory. */
		assert_int_equal(py_offsets__find(&offsets, versions[i][0], versions[i][1], RUNTIME,
						  NULL, &failure),
				 -ENOTSUP);
		assert_true(strlen(failure.text) > 0);
	}
	for (int minor = -1; minor < 20; minor++) {
		struct failure failure = {};

		if (minor >= 13 && minor <= 15)
			continue;
		assert_int_equal(py_offsets__parse(&offsets, minor, debug_offsets_315,
						   sizeof(debug_offsets_315), &failure),
				 -ENOTSUP);
	}
}

static void test_find(void **state)
{
	struct failure failure = {};

	(void)state;
	for (int minor = 6; minor <= 12; minor++) {
		struct py_offsets offsets;

		assert_int_equal(py_offsets__find(&offsets, 3, minor, 0, NULL, &failure), 0);
		assert_memory_equal(&offsets, py_offsets__of_version(3, minor), sizeof(offsets));
	}
	for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
		struct py_offsets offsets, expected = parse(&images[i]);
		size_t size = images[i].cnt * sizeof(uint64_t);
		struct fake_memory memory;

		fake_memory__init(&memory);
		memcpy(fake_memory__map(&memory, RUNTIME, size), images[i].words, size);
		assert_int_equal(py_offsets__find(&offsets, 3, images[i].minor, RUNTIME,
						  &memory.memory, &failure),
				 0);
		assert_memory_equal(&offsets, &expected, sizeof(offsets));
		/* No runtime, one that is truncated, a process that has exited. */
		assert_int_equal(py_offsets__find(&offsets, 3, images[i].minor, 0, &memory.memory,
						  &failure),
				 -ENODATA);
		assert_int_equal(py_offsets__find(&offsets, 3, images[i].minor, RUNTIME + 8,
						  &memory.memory, &failure),
				 -EFAULT);
		memory.error = -ESRCH;
		assert_int_equal(py_offsets__find(&offsets, 3, images[i].minor, RUNTIME,
						  &memory.memory, &failure),
				 -ESRCH);
		fake_memory__release(&memory);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_real_images),
		cmocka_unit_test(test_other_builds),
		cmocka_unit_test(test_any_micro_version),
		cmocka_unit_test(test_each_word_spoilt),
		cmocka_unit_test(test_objects_that_cannot_be),
		cmocka_unit_test(test_a_frame_that_is_too_large),
		cmocka_unit_test(test_all_zero),
		cmocka_unit_test(test_other_records_of_collections),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_unknown_versions),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
