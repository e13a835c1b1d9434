// SPDX-License-Identifier: BSD-2-Clause
/* Scans of a file's code: a free of CPython 3.11, placed in different parts of a small file. */
#include "probes/sites.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "temp_file.h"
#include "tiny_elf.h"
#include "unit_test.h"
#include "util/cleanup.h"

/* recordings/code/debian12-free.txt, from 5009df on. */
static const uint8_t free_code[] = {
	0x48, 0x8b, 0x56, 0x08, 0x48, 0x89, 0x17, 0x8b, 0x06, 0x48, 0x89, 0x7e,
	0x08, 0x83, 0xe8, 0x01, 0x89, 0x06, 0x48, 0x85, 0xd2, 0x74, 0x0a,
};
#define JUMP_AT 21 /* of these, the jump that closes it */
#define RDI	7

#define FIRST_FUNCTION	TINY_TEXT_OFFSET
#define SECOND_FUNCTION (TINY_TEXT_OFFSET + 0x10)

struct opened {
	struct tiny_elf tiny;
	int fd;
	struct elf_file *elf;
};

static void opened__init(struct opened *opened)
{
	*opened = (struct opened){.fd = -1};
	tiny_elf__init(&opened->tiny);
	memset(opened->tiny.text, 0x90, sizeof(opened->tiny.text));
	memset(opened->tiny.cold, 0x90, sizeof(opened->tiny.cold));
}

static void put_free(struct opened *opened, uint64_t offset)
{
	memcpy((uint8_t *)&opened->tiny + offset, free_code, sizeof(free_code));
}

static int scan(struct opened *opened, struct site_set *set)
{
	opened->fd = temp_file__new(&opened->tiny, sizeof(opened->tiny));
	assert_int_equal(elf_file__open(&opened->elf, opened->fd), 0);
	return site_set__scan(set, opened->elf);
}

static void opened__release(struct opened *opened)
{
	elf_file__free(opened->elf);
	if (opened->fd >= 0)
		close(opened->fd);
}

static void assert_is_free_at(const struct site *site, uint64_t offset)
{
	assert_int_equal(site->probe.type, EVENT_FREE);
	assert_int_equal(site->probe.operand, RDI);
	assert_int_equal(site->probe.displacement, 0);
	assert_int_equal(site->offset, offset + JUMP_AT);
	assert_int_equal(site->address, TINY_CODE_ADDRESS + offset + JUMP_AT);
	assert_true(site->emulated);
}

static void test_in_a_function(void **state)
{
	_cleanup_(opened__release) struct opened opened;
	_cleanup_(site_set__free) struct site_set set = {};

	(void)state;
	opened__init(&opened);
	put_free(&opened, SECOND_FUNCTION);
	assert_int_equal(scan(&opened, &set), 0);
	assert_int_equal(set.cnt, 1);
	assert_is_free_at(&set.items[0], SECOND_FUNCTION);
	assert_int_equal(site_set__count(&set, EVENT_FREE), 1);
	assert_int_equal(site_set__count(&set, EVENT_ALLOC), 0);
}

static void test_in_every_section_of_code(void **state)
{
	_cleanup_(opened__release) struct opened opened;
	_cleanup_(site_set__free) struct site_set set = {};

	(void)state;
	opened__init(&opened);
	put_free(&opened, TINY_COLD_OFFSET);
	put_free(&opened, SECOND_FUNCTION);
	assert_int_equal(scan(&opened, &set), 0);
	assert_int_equal(set.cnt, 2);
	assert_is_free_at(&set.items[0], SECOND_FUNCTION);
	assert_is_free_at(&set.items[1], TINY_COLD_OFFSET);
}

/* A shape that begins in one function and ends in the next is not found. */
static void test_across_functions(void **state)
{
	_cleanup_(opened__release) struct opened opened;
	_cleanup_(site_set__free) struct site_set set = {};

	(void)state;
	opened__init(&opened);
	put_free(&opened, FIRST_FUNCTION + 9);
	assert_int_equal(scan(&opened, &set), 0);
	assert_int_equal(set.cnt, 0);
}

/* Without a table of functions, a section counts as one function. */
static void test_without_a_table(void **state)
{
	_cleanup_(opened__release) struct opened opened;
	_cleanup_(site_set__free) struct site_set set = {};

	(void)state;
	opened__init(&opened);
	put_free(&opened, FIRST_FUNCTION + 9);
	opened.tiny.segments[TINY_SEGMENT_UNWIND].p_type = PT_NULL;
	assert_int_equal(scan(&opened, &set), 0);
	assert_int_equal(set.cnt, 1);
	assert_is_free_at(&set.items[0], FIRST_FUNCTION + 9);
}

/* A stray byte misleads the decoder, in its function only. */
static void test_a_stray_byte(void **state)
{
	_cleanup_(opened__release) struct opened opened;
	_cleanup_(site_set__free) struct site_set set = {};

	(void)state;
	opened__init(&opened);
	put_free(&opened, SECOND_FUNCTION);
	opened.tiny.text[0x0f] =
		0x48; /* seems to begin the first instruction of the next function */
	assert_int_equal(scan(&opened, &set), 0);
	assert_int_equal(set.cnt, 1);
	assert_is_free_at(&set.items[0], SECOND_FUNCTION);
}

static void test_by_name(void **state)
{
	_cleanup_(opened__release) struct opened opened;
	_cleanup_(site_set__free) struct site_set set = {};

	(void)state;
	opened__init(&opened);
	strcpy(opened.tiny.strings + 1, "PyInt_ClearFreeList");
	opened.tiny.symbols[TINY_SYMBOL_MAIN].st_name = 1;
	opened.tiny.symbols[TINY_SYMBOL_VARIABLE].st_name = 0;
	assert_int_equal(scan(&opened, &set), 0);
	assert_int_equal(set.cnt, 1);
	assert_int_equal(set.items[0].probe.type, EVENT_FREELIST_CLEAR);
	assert_int_equal(set.items[0].probe.operand, PYFRAG_NO_REGISTER);
	assert_int_equal(set.items[0].address, tiny_elf_functions[0]);
	assert_true(set.items[0].emulated); /* a nop */
}

/*
 * mov $0x100000,%esi; call *%rdx; mov %rax,%rbx: recordings/code/gcc-O0-arena-map.txt has it all.
 */
static const uint8_t map_code[] = {0xbe, 0x00, 0x00, 0x10, 0x00, 0xff, 0xd2, 0x48, 0x89, 0xc3};

static void put_map(struct opened *opened)
{
	memcpy((uint8_t *)&opened->tiny + TINY_COLD_OFFSET, map_code, sizeof(map_code));
}

static void test_weak_site_for_want_of_a_better(void **state)
{
	_cleanup_(opened__release) struct opened opened;
	_cleanup_(site_set__free) struct site_set set = {};

	(void)state;
	opened__init(&opened);
	put_map(&opened);
	assert_int_equal(scan(&opened, &set), 0);
	assert_int_equal(set.cnt, 1);
	assert_int_equal(set.items[0].probe.type, EVENT_ARENA_MAP);
	assert_int_equal(set.items[0].probe.operand, 0); /* rax: what was returned */
	assert_int_equal(set.items[0].offset, TINY_COLD_OFFSET + 7);
	assert_false(set.items[0].emulated);
}

/* recordings/code/debian12-arena-map.txt, from 4fb756 on. */
static const uint8_t better_map_code[] = {
	0x45, 0x31, 0xc0, 0x44, 0x89, 0xea, 0x4d, 0x89, 0x6c, 0x24, 0x08, 0x4d,
	0x89, 0x44, 0x24, 0x18, 0x81, 0xe2, 0xff, 0x3f, 0x00, 0x00, 0x74, 0x61,
};

static void test_weak_site_beside_a_better(void **state)
{
	_cleanup_(opened__release) struct opened opened;
	_cleanup_(site_set__free) struct site_set set = {};

	(void)state;
	opened__init(&opened);
	put_map(&opened);
	memcpy((uint8_t *)&opened.tiny + SECOND_FUNCTION, better_map_code, sizeof(better_map_code));
	assert_int_equal(scan(&opened, &set), 0);
	assert_int_equal(set.cnt, 1);
	assert_int_equal(set.items[0].probe.type, EVENT_ARENA_MAP);
	assert_int_equal(set.items[0].probe.operand, 13);
	assert_int_equal(set.items[0].offset, SECOND_FUNCTION + sizeof(better_map_code) - 2);
}

static void test_another_architecture(void **state)
{
	_cleanup_(opened__release) struct opened opened;
	struct site_set set = {.cnt = 77};

	(void)state;
	opened__init(&opened);
	put_free(&opened, SECOND_FUNCTION);
	opened.tiny.header.e_machine = EM_S390;
	assert_int_equal(scan(&opened, &set), -ENOTSUP);
	assert_int_equal(set.cnt, 77);
}

static void test_every_type_has_a_name(void **state)
{
	(void)state;
	for (int type = EVENT_ALLOC; type <= EVENT_FREELIST_CLEAR; type++) {
		assert_string_not_equal(site__type_name((enum pyfrag_event_type)type), "?");
		for (int other = EVENT_ALLOC; other < type; other++)
			assert_string_not_equal(site__type_name((enum pyfrag_event_type)type),
						site__type_name((enum pyfrag_event_type)other));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_a_function),
		cmocka_unit_test(test_in_every_section_of_code),
		cmocka_unit_test(test_across_functions),
		cmocka_unit_test(test_without_a_table),
		cmocka_unit_test(test_a_stray_byte),
		cmocka_unit_test(test_by_name),
		cmocka_unit_test(test_weak_site_for_want_of_a_better),
		cmocka_unit_test(test_weak_site_beside_a_better),
		cmocka_unit_test(test_another_architecture),
		cmocka_unit_test(test_every_type_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
