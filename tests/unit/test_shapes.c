// SPDX-License-Identifier: BSD-2-Clause
/*
 * The shapes, on compilers' code for pymalloc: each recording is a piece of a real build, with the
 * sites that were identified by hand. The same code is then modified: a near miss of the shape must
 * not be found.
 */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "code_recording.h"
#include "probes/shapes.h"
#include "unit_test.h"
#include "util/cleanup.h"

static void check_recording(const char *path)
{
	struct insn insns[CODE_STEPS_MAX];
	struct code_recording recording;
	char found[CODE_TEXT_BYTES];
	size_t cnt;

	code_recording__read(&recording, path);
	cnt = code_recording__decode(&recording, insns);
	code_recording__scan(recording.arch, insns, cnt, found, sizeof(found));
	if (strcmp(found, recording.expected) != 0)
		print_error("%s:\n", recording.name);
	assert_string_equal(found, recording.expected);
}

static void test_recordings(void **state)
{
	glob_t paths;

	(void)state;
	assert_int_equal(glob(RECORDINGS_DIRECTORY "/code/*.txt", 0, NULL, &paths), 0);
	assert_true(paths.gl_pathc >= 20);
	for (size_t i = 0; i < paths.gl_pathc; i++)
		check_recording(paths.gl_pathv[i]);
	globfree(&paths);
}

static size_t read_code(const char *name, struct insn *insns)
{
	struct code_recording recording;
	char path[512];

	snprintf(path, sizeof(path), "%s/code/%s.txt", RECORDINGS_DIRECTORY, name);
	code_recording__read(&recording, path);
	return code_recording__decode(&recording, insns);
}

static struct insn *at_address(struct insn *insns, size_t cnt, uint64_t address)
{
	for (size_t i = 0; i < cnt; i++)
		if (insns[i].address == address)
			return &insns[i];
	fail_msg("no instruction at %lx", address);
	return NULL;
}

/* The step of the instruction at @address that does @op. */
static struct insn *step_at(struct insn *insns, size_t cnt, uint64_t address, enum insn_op op)
{
	struct insn *insn = at_address(insns, cnt, address);

	for (uint8_t i = 0; i < insn->step_cnt; i++)
		if (insn[i].op == op)
			return &insn[i];
	fail_msg("no such step at %lx", address);
	return NULL;
}

static void assert_finds(const struct insn *insns, size_t cnt, const char *expected)
{
	char found[CODE_TEXT_BYTES];

	code_recording__scan(&arch_x86_64, insns, cnt, found, sizeof(found));
	assert_string_equal(found, expected);
}

/* A push to some list: without a pool's count it is not a free. */
static void test_free_without_a_count(void **state)
{
	struct insn insns[CODE_STEPS_MAX];
	size_t cnt = read_code("debian12-free", insns);

	(void)state;
	at_address(insns, cnt, 0x5009ec)->immediate = 1; /* counts up */
	assert_finds(insns, cnt, "");
	cnt = read_code("debian12-free", insns);
	at_address(insns, cnt, 0x5009ef)->width = 8; /* 64 bits */
	assert_finds(insns, cnt, "");
	cnt = read_code("debian12-free", insns);
	at_address(insns, cnt, 0x5009ef)->memory.displacement = 4; /* elsewhere */
	assert_finds(insns, cnt, "");
	cnt = read_code("debian12-free", insns);
	at_address(insns, cnt, 0x5009ef)->op = INSN_OTHER; /* removed */
	assert_finds(insns, cnt, "");
}

static void test_free_of_another_list(void **state)
{
	struct insn insns[CODE_STEPS_MAX];
	size_t cnt = read_code("debian12-free", insns);

	(void)state;
	/* The head is read from one address and written to another. */
	at_address(insns, cnt, 0x5009e8)->memory.displacement = 16;
	assert_finds(insns, cnt, "");
	cnt = read_code("debian12-free", insns);
	at_address(insns, cnt, 0x5009df)->memory.displacement = 16;
	at_address(insns, cnt, 0x5009e8)->memory.displacement = 16;
	assert_finds(insns, cnt, "");
}

static void test_alloc_spoilt(void **state)
{
	struct insn insns[CODE_STEPS_MAX];
	size_t cnt = read_code("debian12-alloc", insns);

	(void)state;
	step_at(insns, cnt, 0x4fb148, INSN_ADD)->immediate = -1;
	assert_finds(insns, cnt, "");
	cnt = read_code("debian12-alloc", insns);
	at_address(insns, cnt, 0x4fb14b)->memory.displacement = 8; /* not the block's first word */
	assert_finds(insns, cnt, "");
	cnt = read_code("debian12-alloc", insns);
	at_address(insns, cnt, 0x4fb14e)->memory.base = 6; /* stored in another pool */
	assert_finds(insns, cnt, "");
}

/* Objects other than pools are put on lists, too. */
static void test_pool_freed_spoilt(void **state)
{
	struct insn insns[CODE_STEPS_MAX];
	size_t cnt = read_code("gcc312-pool-freed", insns);

	(void)state;
	at_address(insns, cnt, 0x1d0172)->memory.displacement = 24; /* linked by another member */
	assert_finds(insns, cnt, "");
	cnt = read_code("gcc312-pool-freed", insns);
	at_address(insns, cnt, 0x1d0179)->source = 0; /* the list does not begin with the pool */
	assert_finds(insns, cnt, "");
	cnt = read_code("gcc312-pool-freed", insns);
	at_address(insns, cnt, 0x1d0150)->memory.displacement = 36; /* no arena was looked up */
	assert_finds(insns, cnt, "");
}

/* Registers are arbitrary, and so is the order of independent steps. */
static void test_free_in_another_order(void **state)
{
	struct insn insns[CODE_STEPS_MAX], swapped;
	size_t cnt = read_code("debian12-free", insns);
	struct insn *link = at_address(insns, cnt, 0x5009e3);
	struct insn *head = at_address(insns, cnt, 0x5009e8);

	(void)state;
	swapped = *link;
	*link = *head;
	*head = swapped;
	link->address = 0x5009e3;
	head->address = 0x5009e8;
	assert_finds(insns, cnt, "5009f4 free rdi emulated\n");
}

/* If a basic block is a jump target, its predecessor is unknown: all knowledge is dropped. */
static void test_a_jump_into_the_shape(void **state)
{
	struct insn insns[CODE_STEPS_MAX];
	size_t cnt = read_code("debian12-free", insns);

	(void)state;
	at_address(insns, cnt, 0x5009d9)->target = 0x5009e8;
	assert_finds(insns, cnt, "");
}

/* If the block's address is not available at the jump, the site is where it still is. */
static void test_operand_that_goes_before_the_jump(void **state)
{
	struct insn insns[CODE_STEPS_MAX];
	size_t cnt = read_code("debian12-free-overwritten", insns);
	struct insn *load = at_address(insns, cnt, 0x50771a);

	(void)state;
	/*
	 * The pool's register is also overwritten, after the count: the block is no longer at
	 * [rax+8].
	 */
	at_address(insns, cnt, 0x507721)->op = INSN_OTHER;
	at_address(insns, cnt, 0x507721)->clobbered = 1U << 0;
	assert_int_equal(load->destination, 6);
	assert_finds(insns, cnt, "50771a free rsi stepped\n");
}

static int refuse(const struct shape_site *site, void *context)
{
	(void)site;
	++*(int *)context;
	return -EMFILE;
}

static void test_what_refuses_a_site_ends_the_scan(void **state)
{
	struct shape_scan *scan;
	struct insn insns[CODE_STEPS_MAX];
	size_t cnt = read_code("debian11-new-pool", insns);
	int calls = 0;

	(void)state;
	assert_int_equal(shape_scan__new(&scan, &arch_x86_64), 0);
	assert_int_equal(shape_scan__function(scan, insns, cnt, refuse, &calls), -EMFILE);
	assert_int_equal(calls, 1);
	shape_scan__free(scan);
}

static void test_no_code(void **state)
{
	(void)state;
	assert_finds(NULL, 0, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recordings),
		cmocka_unit_test(test_free_without_a_count),
		cmocka_unit_test(test_free_of_another_list),
		cmocka_unit_test(test_alloc_spoilt),
		cmocka_unit_test(test_pool_freed_spoilt),
		cmocka_unit_test(test_free_in_another_order),
		cmocka_unit_test(test_a_jump_into_the_shape),
		cmocka_unit_test(test_operand_that_goes_before_the_jump),
		cmocka_unit_test(test_what_refuses_a_site_ends_the_scan),
		cmocka_unit_test(test_no_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
