// SPDX-License-Identifier: BSD-2-Clause
/*
 * Sites are probed only where both the file and the process still have the code that the site
 * claims. The file is a tiny one with two frees in functions of their own; the process maps it in
 * the test's memory.
 */
#include "probes/site_check.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fake_memory.h"
#include "temp_file.h"
#include "tiny_elf.h"
#include "unit_test.h"
#include "util/cleanup.h"

/* recordings/code/debian12-free.txt, from 5009df on. */
static const uint8_t free_code[] = {
	0x48, 0x8b, 0x56, 0x08, 0x48, 0x89, 0x17, 0x8b, 0x06, 0x48, 0x89, 0x7e,
	0x08, 0x83, 0xe8, 0x01, 0x89, 0x06, 0x48, 0x85, 0xd2, 0x74, 0x0a,
};
#define STORE_AT 4  /* an instruction in the middle of these */
#define JUMP_AT	 21 /* the one that is probed */

#define WARM	(TINY_TEXT_OFFSET + 0x10) /* the second function: its offset in the file */
#define COLD	TINY_COLD_OFFSET	  /* the third */
#define BIAS	0x555000000000UL
#define MAPPED	(BIAS + TINY_CODE_ADDRESS) /* the address of the file's first byte in the process */
#define ANOTHER 0x7f0000000000UL

struct fixture {
	struct tiny_elf tiny;
	struct fake_memory memory;
	struct file_places places;
	struct site_check *check;
	int fd;
	struct site sites[8];
	const struct site *wanted[8];
	size_t cnt;
};

static struct site free_at(uint64_t offset)
{
	return (struct site){
		.address = TINY_CODE_ADDRESS + offset + JUMP_AT,
		.offset = offset + JUMP_AT,
		.emulated = true,
		.probe = {.type = EVENT_FREE,
			  .operand = 7, /* rdi */
			  .compared = {PYFRAG_NO_REGISTER, PYFRAG_NO_REGISTER}},
	};
}

/* The process' copy of the file's byte at @offset. */
static uint8_t *in_process(struct fixture *fixture, uint64_t offset)
{
	return fake_memory__at(&fixture->memory, MAPPED + offset, 1);
}

static void map_at(struct fixture *fixture, uint64_t address)
{
	memcpy(fake_memory__map(&fixture->memory, address, TINY_CODE_BYTES), &fixture->tiny,
	       TINY_CODE_BYTES);
	fixture->places.items[fixture->places.cnt++] =
		(struct file_place){.start = address, .end = address + TINY_CODE_BYTES};
}

/* The sites are those of the unchanged file. */
static void fixture__start(struct fixture *fixture)
{
	struct site_set set;

	_cleanup_(elf_file__freep) struct elf_file *elf = NULL;
	fixture->fd = temp_file__new(&fixture->tiny, sizeof(fixture->tiny));
	assert_int_equal(elf_file__open(&elf, fixture->fd), 0);
	assert_int_equal(site_set__scan(&set, elf), 0);
	assert_true(set.cnt <= ARRAY_SIZE(fixture->sites));
	for (fixture->cnt = 0; fixture->cnt < set.cnt; fixture->cnt++)
		fixture->sites[fixture->cnt] = set.items[fixture->cnt];
	site_set__free(&set);
	assert_int_equal(site_check__new(&fixture->check, fixture->fd, BIAS, 0), 0);
	map_at(fixture, MAPPED);
}

static void fixture__init(struct fixture *fixture)
{
	*fixture = (struct fixture){.fd = -1};
	tiny_elf__init(&fixture->tiny);
	memset(fixture->tiny.text, 0x90, sizeof(fixture->tiny.text));
	memset(fixture->tiny.cold, 0x90, sizeof(fixture->tiny.cold));
	memcpy((uint8_t *)&fixture->tiny + WARM, free_code, sizeof(free_code));
	memcpy((uint8_t *)&fixture->tiny + COLD, free_code, sizeof(free_code));
	fake_memory__init(&fixture->memory);
}

static void fixture__release(struct fixture *fixture)
{
	site_check__free(fixture->check);
	fake_memory__release(&fixture->memory);
	close(fixture->fd);
}

/* The number of sites that may be probed; fixture->wanted begins with them. */
static size_t select_sites(struct fixture *fixture)
{
	size_t sound_cnt = 99;

	for (size_t i = 0; i < fixture->cnt; i++)
		fixture->wanted[i] = &fixture->sites[i];
	assert_int_equal(site_check__select(fixture->check, &fixture->places,
					    &fixture->memory.memory, fixture->wanted, fixture->cnt,
					    &sound_cnt),
			 0);
	return sound_cnt;
}

static void assert_only(struct fixture *fixture, uint64_t function)
{
	assert_int_equal(select_sites(fixture), 1);
	assert_int_equal(fixture->wanted[0]->offset, function + JUMP_AT);
}

static void test_what_is_scanned_is_sound(void **state)
{
	_cleanup_(fixture__release) struct fixture fixture;

	(void)state;
	fixture__init(&fixture);
	fixture__start(&fixture);
	assert_int_equal(fixture.cnt, 2);
	assert_int_equal(fixture.sites[0].offset, WARM + JUMP_AT);
	assert_int_equal(fixture.sites[1].offset, COLD + JUMP_AT);
	for (int round = 0; round < 3; round++) {
		assert_int_equal(select_sites(&fixture), 2);
		assert_ptr_equal(fixture.wanted[0], &fixture.sites[0]);
		assert_ptr_equal(fixture.wanted[1], &fixture.sites[1]);
	}
}

/* Whatever a cache may claim about the places of sites and their code. */
static void test_claims_that_the_code_does_not_bear_out(void **state)
{
	const struct site true_site = free_at(WARM);
	struct site lies[16];
	size_t cnt = 0;

	(void)state;
	for (int shift = -3; shift <= 3;
	     shift++) { /* in the middle of instructions, or of others */
		if (!shift)
			continue;
		lies[cnt] = true_site;
		lies[cnt].address += shift;
		lies[cnt++].offset += shift;
	}
	lies[cnt] = true_site;
	lies[cnt++].probe.type = EVENT_ALLOC;
	lies[cnt] = true_site;
	lies[cnt++].probe.operand = 6;
	lies[cnt] = true_site;
	lies[cnt++].probe.operand |= PYFRAG_OPERAND_IN_MEMORY;
	lies[cnt] = true_site;
	lies[cnt++].probe.displacement = 8;
	lies[cnt] = true_site;
	lies[cnt++].probe.compared[1] = 0;
	lies[cnt] = true_site;
	lies[cnt++].emulated = false;
	lies[cnt] = true_site;
	lies[cnt++].offset += 1;
	lies[cnt] = true_site;
	lies[cnt++].address = TINY_DATA_ADDRESS;
	lies[cnt] = true_site;
	lies[cnt].address = TINY_CODE_ADDRESS + TINY_TEXT_OFFSET; /* an unrelated function */
	lies[cnt++].offset = TINY_TEXT_OFFSET;
	lies[cnt] = true_site;
	lies[cnt++].address = UINT64_MAX;
	assert_int_equal(cnt, ARRAY_SIZE(lies));
	for (size_t i = 0; i < cnt; i++) {
		_cleanup_(fixture__release) struct fixture fixture;

		fixture__init(&fixture);
		fixture__start(&fixture);
		fixture.sites[0] = lies[i];
		assert_only(&fixture, COLD);
	}
}

/* Any patched byte of a function is seen at the next check. */
static void test_patched_code(void **state)
{
	_cleanup_(fixture__release) struct fixture fixture;

	(void)state;
	fixture__init(&fixture);
	fixture__start(&fixture);
	for (uint64_t at = 0; at < TINY_COLD_BYTES; at++) {
		uint8_t *byte = in_process(&fixture, COLD + at), before = *byte;

		*byte ^= 1;
		assert_only(&fixture, WARM);
		*byte = before;
		assert_int_equal(select_sites(&fixture), 2);
	}
	/* Code outside of functions with sites is not checked. */
	*in_process(&fixture, TINY_TEXT_OFFSET) = 0;
	assert_int_equal(select_sites(&fixture), 2);
}

/*
 * Another tracer's breakpoint is at the first byte of an instruction; one in the middle is a
 * change.
 */
static void test_breakpoints(void **state)
{
	static const uint64_t firsts[] = {0, 4, 7, 9, 13, 16, 18, JUMP_AT, sizeof(free_code)};
	size_t next = 0;

	(void)state;
	for (uint64_t at = 0; at <= sizeof(free_code); at++) {
		_cleanup_(fixture__release) struct fixture fixture;
		bool is_first = firsts[next] == at;

		fixture__init(&fixture);
		fixture__start(&fixture);
		*in_process(&fixture, COLD + at) = 0xcc;
		if (is_first)
			assert_int_equal(select_sites(&fixture), 2);
		else
			assert_only(&fixture, WARM);
		next += is_first;
		/* It explains only itself. */
		*in_process(&fixture, COLD + (at == STORE_AT + 1 ? at + 1 : STORE_AT + 1)) ^= 1;
		assert_only(&fixture, WARM);
	}
	assert_int_equal(next, ARRAY_SIZE(firsts));
}

/* Two breakpoints: this process is traced twice, and somebody probes the function's entry. */
static void test_several_breakpoints(void **state)
{
	_cleanup_(fixture__release) struct fixture fixture;

	(void)state;
	fixture__init(&fixture);
	fixture__start(&fixture);
	*in_process(&fixture, COLD) = 0xcc;
	*in_process(&fixture, COLD + JUMP_AT) = 0xcc;
	*in_process(&fixture, WARM + JUMP_AT) = 0xcc;
	assert_int_equal(select_sites(&fixture), 2);
}

/* A breakpoint in the file is code that was not scanned. */
static void test_breakpoint_in_the_file(void **state)
{
	_cleanup_(fixture__release) struct fixture fixture;
	const uint8_t breakpoint = 0xcc;

	(void)state;
	fixture__init(&fixture);
	fixture__start(&fixture);
	assert_int_equal(pwrite(fixture.fd, &breakpoint, 1, COLD + JUMP_AT), 1);
	*in_process(&fixture, COLD + JUMP_AT) = 0xcc;
	assert_only(&fixture, WARM);
}

/* The file is overwritten in place: the process has the new bytes, too, which are other code. */
static void overwrite(struct fixture *fixture, uint64_t offset, uint8_t byte)
{
	assert_int_equal(pwrite(fixture->fd, &byte, 1, (off_t)offset), 1);
	*in_process(fixture, offset) = byte;
}

static void test_file_changed_before_the_first_look(void **state)
{
	_cleanup_(fixture__release) struct fixture fixture;

	(void)state;
	fixture__init(&fixture);
	fixture__start(&fixture);
	overwrite(&fixture, WARM + STORE_AT + 1, 0x8b); /* a load instead */
	assert_only(&fixture, COLD);
}

static void test_file_changed_between_looks(void **state)
{
	_cleanup_(fixture__release) struct fixture fixture;

	(void)state;
	fixture__init(&fixture);
	fixture__start(&fixture);
	assert_int_equal(select_sites(&fixture), 2);
	overwrite(&fixture, WARM + STORE_AT + 1, 0x8b); /* a load instead */
	assert_only(&fixture, COLD);
	assert_int_equal(ftruncate(fixture.fd, COLD), 0);
	assert_int_equal(select_sites(&fixture), 0);
}

/*
 * The loader maps the file where the process says; the section headers say something else
 * (evil_elf.py).
 */
static void test_sections_that_lie(void **state)
{
	_cleanup_(fixture__release) struct fixture fixture;

	(void)state;
	fixture__init(&fixture);
	fixture.tiny.sections[TINY_SECTION_TEXT].sh_addr += 1;
	fixture.tiny.sections[TINY_SECTION_COLD].sh_addr += 1;
	fixture__start(&fixture);
	assert_true(fixture.cnt > 0);
	assert_int_equal(select_sites(&fixture), 0);
}

static void test_code_that_cannot_be_read(void **state)
{
	_cleanup_(fixture__release) struct fixture fixture;

	(void)state;
	fixture__init(&fixture);
	fixture__start(&fixture);
	fake_memory__punch_hole(&fixture.memory, MAPPED + COLD + 2, 1);
	assert_only(&fixture, WARM);
	fixture.memory.error = -EPERM;
	assert_int_equal(select_sites(&fixture), 0);
}

static void test_not_mapped(void **state)
{
	_cleanup_(fixture__release) struct fixture fixture;

	(void)state;
	fixture__init(&fixture);
	fixture__start(&fixture);
	fixture.places.items[0].end = MAPPED + COLD + JUMP_AT; /* the first part of the function */
	assert_only(&fixture, WARM);
	fixture.places.cnt = 0;
	assert_int_equal(select_sites(&fixture), 0);
	map_at(&fixture, ANOTHER); /* not where the loader has put it */
	assert_int_equal(select_sites(&fixture), 0);
}

/*
 * A second mapping gets the breakpoint, too: it has to be the same, as far as it contains the
 * function.
 */
static void test_mapped_twice(void **state)
{
	_cleanup_(fixture__release) struct fixture fixture;
	uint8_t *again;

	(void)state;
	fixture__init(&fixture);
	fixture__start(&fixture);
	map_at(&fixture, ANOTHER);
	assert_int_equal(select_sites(&fixture), 2);
	again = fake_memory__at(&fixture.memory, ANOTHER + COLD + 8, 1);
	*again ^= 1;
	assert_only(&fixture, WARM);
	fixture.places.items[1].end = ANOTHER + COLD + 8;
	assert_int_equal(select_sites(&fixture), 2);
	fixture.places.items[1] = (struct file_place){.start = ANOTHER + COLD + 9,
						      .end = ANOTHER + TINY_CODE_BYTES,
						      .offset = COLD + 9};
	assert_int_equal(select_sites(&fixture), 2);
	fixture.places.items[1].start--;
	fixture.places.items[1].offset--;
	assert_only(&fixture, WARM);
}

static void test_site_by_name(void **state)
{
	_cleanup_(fixture__release) struct fixture fixture;

	(void)state;
	fixture__init(&fixture);
	strcpy(fixture.tiny.strings + 1, "PyInt_ClearFreeList");
	fixture.tiny.symbols[TINY_SYMBOL_MAIN].st_name = 1;
	fixture.tiny.symbols[TINY_SYMBOL_VARIABLE].st_name = 0;
	fixture__start(&fixture);
	assert_int_equal(fixture.cnt, 3);
	assert_int_equal(fixture.sites[0].probe.type, EVENT_FREELIST_CLEAR);
	assert_int_equal(select_sites(&fixture), 3);
	fixture.sites[0].address++;
	fixture.sites[0].offset++;
	assert_int_equal(select_sites(&fixture), 2);
}

/* A function without a name is not the one that clears free lists. */
static void test_site_without_its_name(void **state)
{
	_cleanup_(fixture__release) struct fixture fixture;

	(void)state;
	fixture__init(&fixture);
	fixture__start(&fixture);
	fixture.sites[0] = (struct site){
		.address = tiny_elf_functions[0],
		.offset = TINY_TEXT_OFFSET,
		.emulated = true,
		.probe = {.type = EVENT_FREELIST_CLEAR,
			  .operand = PYFRAG_NO_REGISTER,
			  .compared = {PYFRAG_NO_REGISTER, PYFRAG_NO_REGISTER}},
	};
	assert_only(&fixture, COLD);
}

static void test_weak_site(void **state)
{
	/* recordings/code/gcc-O0-arena-map.txt */
	static const uint8_t map_code[] = {0xbe, 0x00, 0x00, 0x10, 0x00,
					   0xff, 0xd2, 0x48, 0x89, 0xc3};
	_cleanup_(fixture__release) struct fixture fixture;

	(void)state;
	fixture__init(&fixture);
	memset(fixture.tiny.cold, 0x90, sizeof(fixture.tiny.cold));
	memcpy(fixture.tiny.cold, map_code, sizeof(map_code));
	fixture__start(&fixture);
	assert_int_equal(fixture.cnt, 2);
	assert_int_equal(fixture.sites[1].probe.type, EVENT_ARENA_MAP);
	assert_int_equal(select_sites(&fixture), 2);
}

static void test_no_elf_file(void **state)
{
	struct site_check *check = (struct site_check *)1;
	_cleanup_close_ int fd = temp_file__new("#!/bin/sh\n", 10);

	(void)state;
	assert_int_equal(site_check__new(&check, fd, 0, 0), -ENOEXEC);
	assert_ptr_equal(check, (struct site_check *)1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_scanned_is_sound),
		cmocka_unit_test(test_claims_that_the_code_does_not_bear_out),
		cmocka_unit_test(test_patched_code),
		cmocka_unit_test(test_breakpoints),
		cmocka_unit_test(test_several_breakpoints),
		cmocka_unit_test(test_breakpoint_in_the_file),
		cmocka_unit_test(test_file_changed_before_the_first_look),
		cmocka_unit_test(test_file_changed_between_looks),
		cmocka_unit_test(test_sections_that_lie),
		cmocka_unit_test(test_code_that_cannot_be_read),
		cmocka_unit_test(test_not_mapped),
		cmocka_unit_test(test_mapped_twice),
		cmocka_unit_test(test_site_by_name),
		cmocka_unit_test(test_site_without_its_name),
		cmocka_unit_test(test_weak_site),
		cmocka_unit_test(test_no_elf_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
