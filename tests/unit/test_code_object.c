// SPDX-License-Identifier: BSD-2-Clause
#include "stacks/code_object.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "fake_code.h"
#include "prng.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define CODE	       0x7f0000010000UL
#define LINE_MAX_BYTES 65536
#define TEXT_MAX       4096

/* The kinds of lines in a recording (for the file format see recordings/record_code_objects.py). */
struct recorded {
	struct fake_memory memory;
	struct py_offsets offsets;
	size_t code_cnt, frame_cnt;
};

#define MEMBERS(X)                                                                                 \
	X(object_type)                                                                             \
	X(type_name)                                                                               \
	X(code_name)                                                                               \
	X(code_qualname)                                                                           \
	X(code_filename)                                                                           \
	X(code_firstlineno)                                                                        \
	X(code_line_table)                                                                         \
	X(code_code)                                                                               \
	X(code_size)                                                                               \
	X(code_first_traceable)                                                                    \
	X(bytes_size)                                                                              \
	X(bytes_data)                                                                              \
	X(unicode_length)                                                                          \
	X(unicode_state)                                                                           \
	X(unicode_ascii_data)                                                                      \
	X(unicode_compact_data)                                                                    \
	X(instr_kind)                                                                              \
	X(line_kind)

static void set_offset(struct py_offsets *offsets, const char *member, unsigned int value)
{
#define X(name)                                                                                    \
	if (!strcmp(member, #name)) {                                                              \
		offsets->name = (__typeof__(offsets->name))value;                                  \
		return;                                                                            \
	}
	MEMBERS(X)
#undef X
	fail_msg("no member %s", member);
}

/* Decodes hex digits; an empty text is written as two quotes. Returns the number of bytes. */
static size_t decode_hex(const char *hex, uint8_t *to)
{
	size_t cnt = 0;

	for (; isxdigit((unsigned char)*hex); hex += 2) {
		char digits[] = {hex[0], hex[1], '\0'};

		to[cnt++] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return cnt;
}

static void check_text(const char *text, const char *hex)
{
	char expected[TEXT_MAX];

	if (!strcmp(hex, "-")) {
		assert_null(text);
		return;
	}
	expected[decode_hex(hex, (uint8_t *)expected)] = '\0';
	assert_non_null(text);
	assert_string_equal(text, expected);
}

static void read_piece(struct recorded *recorded, const char *line)
{
	_cleanup_free_ uint8_t *bytes = malloc(strlen(line));
	uint64_t address;
	size_t size;
	int at;

	assert_non_null(bytes);
	assert_int_equal(sscanf(line, "memory %" SCNx64 " %n", &address, &at), 1);
	size = decode_hex(line + at, bytes);
	memcpy(fake_memory__map(&recorded->memory, address, size), bytes, size);
}

static void check_code(struct recorded *recorded, const char *line)
{
	static char name[TEXT_MAX], qualname[TEXT_MAX], filename[TEXT_MAX];
	_cleanup_(code_object__freep) struct code_object *code = NULL;
	const struct memory *memory = &recorded->memory.memory;
	uint64_t address;
	int32_t first_line;
	uint32_t size;

	assert_int_equal(sscanf(line,
				"code %" SCNx64 " %" SCNd32 " %" SCNu32 " %4095s %4095s %4095s",
				&address, &first_line, &size, name, qualname, filename),
			 6);
	assert_int_equal(code_object__read(&code, memory, &recorded->offsets, address), 0);
	check_text(code->name, name);
	check_text(code->qualname, qualname);
	check_text(code->filename, filename);
	assert_int_equal(code->address, address);
	assert_int_equal(code->identity.first_line, first_line);
	assert_int_equal(code->size_bytes, size);
	assert_int_equal(code_object__is_same(code, memory, &recorded->offsets), 1);
	recorded->code_cnt++;
}

static void check_frame(struct recorded *recorded, const char *text)
{
	_cleanup_(code_object__freep) struct code_object *code = NULL;
	uint64_t address;
	int32_t instr, line;

	assert_int_equal(sscanf(text, "frame %" SCNx64 " %" SCNd32 " %" SCNd32, &address, &instr,
				&line),
			 3);
	assert_int_equal(code_object__read(&code, &recorded->memory.memory, &recorded->offsets,
					   address),
			 0);
	assert_int_equal(code_object__line(code, instr), line);
	assert_true(code_object__is_shown(code, instr) || !strcmp(code->name, "waits"));
	recorded->frame_cnt++;
}

static void check_recording(const char *path)
{
	_cleanup_free_ char *line = malloc(LINE_MAX_BYTES);
	struct recorded recorded = {};
	gzFile file = gzopen(path, "rb");
	unsigned int value;
	char member[64];

	assert_non_null(file);
	assert_non_null(line);
	memset(&recorded.offsets, 0xff, sizeof(recorded.offsets));
	fake_memory__init(&recorded.memory);
	while (gzgets(file, line, LINE_MAX_BYTES)) {
		assert_non_null(strchr(line, '\n'));
		if (sscanf(line, "offset %63s %u", member, &value) == 2)
			set_offset(&recorded.offsets, member, value);
		else if (!strncmp(line, "memory", 6))
			read_piece(&recorded, line);
		else if (!strncmp(line, "code", 4))
			check_code(&recorded, line);
		else if (!strncmp(line, "frame", 5))
			check_frame(&recorded, line);
		else
			assert_int_equal(*line, '#');
	}
	gzclose(file);
	fake_memory__release(&recorded.memory);
	assert_true(recorded.code_cnt >= 19 && recorded.frame_cnt >= 11);
}

static void test_recorded_code_objects(void **state)
{
	glob_t paths;

	(void)state;
	assert_int_equal(glob(RECORDINGS_DIRECTORY "/code_objects/*.gz", 0, NULL, &paths), 0);
	assert_true(paths.gl_pathc >= 11);
	for (size_t i = 0; i < paths.gl_pathc; i++)
		check_recording(paths.gl_pathv[i]);
	globfree(&paths);
}

/* The tests below use a hand-made code object. */
static const struct fake_code sample = {"work", "Site.work", "/srv/site.py", 40, 7};

static int set_up(void **state)
{
	struct fake_memory *fake = calloc(1, sizeof(*fake));

	assert_non_null(fake);
	fake_memory__init(fake);
	fake_code__map_type(fake);
	fake_code__map(fake, CODE, &sample);
	*state = fake;
	return 0;
}

static int tear_down(void **state)
{
	fake_memory__release(*state);
	free(*state);
	return 0;
}

static struct code_object *read_sample(struct fake_memory *fake)
{
	struct code_object *code;

	assert_int_equal(code_object__read(&code, &fake->memory, &FAKE_OFFSETS, CODE), 0);
	return code;
}

static void check_refused(struct fake_memory *fake, int err)
{
	struct code_object *code = (struct code_object *)-1;

	assert_int_equal(code_object__read(&code, &fake->memory, &FAKE_OFFSETS, CODE), err);
	assert_ptr_equal(code, (struct code_object *)-1);
}

/* Overwrites one word, checks the result, and restores the word. */
static void check_damage(struct fake_memory *fake, uint64_t address, uint64_t value, int err)
{
	uint64_t *word = fake_memory__word(fake, address), before = *word;

	*word = value;
	check_refused(fake, err);
	*word = before;
}

static void test_reads_all_of_it(void **state)
{
	_cleanup_(code_object__freep) struct code_object *code = read_sample(*state);

	assert_string_equal(code->name, "work");
	assert_string_equal(code->qualname, "Site.work");
	assert_string_equal(code->filename, "/srv/site.py");
	assert_int_equal(code->identity.first_line, 40);
	assert_int_equal(code->size_bytes, 16);
	assert_int_equal(code->line_table_size, 2);
	assert_true(code_object__cost_bytes(code) >= sizeof(*code) + 5 + 10 + 13 + 2);
}

static void test_lines_of_frames(void **state)
{
	_cleanup_(code_object__freep) struct code_object *code = read_sample(*state);
	int32_t begin = FAKE_OFFSETS.code_code;

	assert_int_equal(code_object__instr_offset(code, begin + 6), 6);
	assert_int_equal(code_object__line(code, begin), 47);
	assert_int_equal(code_object__line(code, begin + 15), 47);
	/* Not begun: before the first instruction. */
	assert_int_equal(code_object__line(code, begin - 2), 40);
	assert_int_equal(code_object__line(code, INT32_MIN), 40);
	/* Outside of this code. */
	assert_int_equal(code_object__line(code, begin + 16), LINE_NONE);
	assert_int_equal(code_object__line(code, INT32_MAX), LINE_NONE);
	code->size_bytes = 14;
	assert_int_equal(code_object__line(code, begin + 13), 47);
	assert_int_equal(code_object__line(code, begin + 14), LINE_NONE);
	/* It is shown from its second instruction on. */
	assert_false(code_object__is_shown(code, begin - 2));
	assert_false(code_object__is_shown(code, begin));
	assert_true(code_object__is_shown(code, begin + 2));
}

static void test_kinds_of_instructions(void **state)
{
	_cleanup_(code_object__freep) struct code_object *code = read_sample(*state);
	int32_t begin = FAKE_OFFSETS.code_code;

	code->instr_kind = PY_INSTR_NEXT;
	assert_int_equal(code_object__instr_offset(code, begin), 0);
	code->instr_kind = PY_INSTR_BYTES;
	assert_int_equal(code_object__instr_offset(code, 3), 3);
	assert_int_equal(code_object__line(code, -1), 40);
	assert_true(code_object__is_shown(code, -1));
	code->instr_kind = PY_INSTR_UNITS;
	assert_int_equal(code_object__instr_offset(code, 3), 6);
	assert_int_equal(code_object__instr_offset(code, INT32_MAX), 2L * INT32_MAX);
	assert_int_equal(code_object__line(code, -1), 40);
	assert_int_equal(code_object__line(code, 7), 47);
	assert_int_equal(code_object__line(code, 8), LINE_NONE);
}

static void test_what_is_no_code_object(void **state)
{
	const struct py_offsets *at = &FAKE_OFFSETS;
	struct fake_memory *fake = *state;
	uint64_t type = *fake_memory__word(fake, CODE + at->object_type);
	uint64_t type_name = *fake_memory__word(fake, type + at->type_name);

	/* Pointers to unmapped memory. */
	check_damage(fake, CODE + at->object_type, 0, -EFAULT);
	check_damage(fake, CODE + at->object_type, UINT64_MAX, -EFAULT);
	check_damage(fake, type + at->type_name, 8, -EFAULT);
	check_damage(fake, CODE + at->code_name, 0, -EFAULT);
	check_damage(fake, CODE + at->code_qualname, 0, -EFAULT);
	check_damage(fake, CODE + at->code_filename, 0, -EFAULT);
	check_damage(fake, CODE + at->code_line_table, 0, -EFAULT);
	/* Another type: its name only begins with "code". */
	memcpy(fake_memory__at(fake, type_name, 6), "codec", 6);
	check_refused(fake, -EINVAL);
	memcpy(fake_memory__at(fake, type_name, 6), "code", 5);
	/* Names that are not texts, impossible sizes, a line before the first one. */
	check_damage(fake, CODE + at->code_name, CODE, -EINVAL);
	check_damage(fake, CODE + at->code_size, UINT64_MAX, -EINVAL);
	check_damage(fake, CODE + at->code_size, 1UL << 32 | 8, -EINVAL);
	check_damage(fake, CODE + at->code_size, INT32_MAX, -EINVAL);
	check_damage(fake, CODE + FAKE_LINE_TABLE + at->bytes_size, UINT64_MAX, -EINVAL);
	check_damage(fake, CODE + at->code_firstlineno - 4, UINT64_MAX, -EINVAL);
	code_object__free(read_sample(fake));
}

static void test_names_are_printable(void **state)
{
	fake_code__write_str(*state, CODE + FAKE_NAME, "");
	check_refused(*state, -EINVAL);
	fake_code__write_str(*state, CODE + FAKE_NAME, "wo\nrk");
	check_refused(*state, -EINVAL);
	fake_code__write_str(*state, CODE + FAKE_NAME, "work\x7f");
	check_refused(*state, -EINVAL);
	fake_code__write_str(*state, CODE + FAKE_NAME, "<made by hand>");
	code_object__free(read_sample(*state));
	fake_code__write_str(*state, CODE + FAKE_QUALNAME, "\x1b");
	check_refused(*state, -EINVAL);
}

static void test_long_line_table(void **state)
{
	_cleanup_(code_object__freep) struct code_object *code = NULL;
	struct fake_memory *fake = *state;

	*fake_memory__word(fake, CODE + FAKE_LINE_TABLE + FAKE_OFFSETS.bytes_size) =
		CODE_LINE_TABLE_BYTES_MAX + 1;
	code = read_sample(fake);
	assert_null(code->line_table);
	assert_string_equal(code->name, "work");
	assert_int_equal(code_object__line(code, FAKE_OFFSETS.code_code), LINE_NONE);
	assert_int_equal(code_object__line(code, FAKE_OFFSETS.code_code - 2), 40);
}

static void test_errors_of_the_process(void **state)
{
	_cleanup_(code_object__freep) struct code_object *code = read_sample(*state);
	struct fake_memory *fake = *state;

	fake->error = -ESRCH;
	check_refused(fake, -ESRCH);
	assert_int_equal(code_object__is_same(code, &fake->memory, &FAKE_OFFSETS), -ESRCH);
}

static void test_is_same(void **state)
{
	static const uint16_t words[] = {8, 16, 68, 112, 120, 128, 136, 176};
	_cleanup_(code_object__freep) struct code_object *code = read_sample(*state);
	struct fake_memory *fake = *state;
	uint64_t calls = fake->call_cnt;

	assert_int_equal(code_object__is_same(code, &fake->memory, &FAKE_OFFSETS), 1);
	assert_int_equal(fake->call_cnt, calls + 1);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		uint8_t *byte = fake_memory__at(fake, CODE + words[i], 1);

		*byte ^= 1;
		assert_int_equal(code_object__is_same(code, &fake->memory, &FAKE_OFFSETS), 0);
		*byte ^= 1;
	}
	fake_memory__unmap(fake, CODE);
	assert_int_equal(code_object__is_same(code, &fake->memory, &FAKE_OFFSETS), -EFAULT);
}

static void replace_name(void *context, uint64_t address, size_t size)
{
	struct fake_memory *fake = context;

	(void)size;
	if (address == CODE + FAKE_FILENAME + FAKE_OFFSETS.unicode_state)
		*fake_memory__word(fake, CODE + FAKE_OFFSETS.code_name) = CODE + FAKE_QUALNAME;
}

/* Another code object replaces it between two reads. */
static void test_changes_while_it_is_read(void **state)
{
	struct fake_memory *fake = *state;

	fake->before_read = replace_name;
	fake->context = fake;
	check_refused(fake, -ESTALE);
	code_object__free(read_sample(fake));
}

/* Whatever bytes are there: no fault, and no code object without names. */
static void test_noise(void **state)
{
	struct fake_memory *fake = *state;
	uint64_t random = 3;

	for (int round = 0; round < 20000; round++) {
		struct code_object *code;

		for (int i = 0; i < 3; i++)
			*fake_memory__word(fake, CODE + prng__below(&random, 24) * 8) =
				prng__below(&random, 2) ? prng__next(&random)
							: CODE + prng__below(&random, 4096);
		if (!code_object__read(&code, &fake->memory, &FAKE_OFFSETS, CODE)) {
			assert_true(*code->name && *code->qualname && code->filename);
			code_object__free(code);
		}
		if (round % 4 == 3)
			fake_code__rewrite(fake, CODE, &sample);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorded_code_objects),
		cmocka_unit_test_setup_teardown(test_reads_all_of_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lines_of_frames, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_kinds_of_instructions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_no_code_object, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names_are_printable, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_long_line_table, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_errors_of_the_process, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_is_same, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_changes_while_it_is_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_noise, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
