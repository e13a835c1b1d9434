// SPDX-License-Identifier: BSD-2-Clause
/*
 * Sites as text: only what pyfrag writes is accepted. A valid text is damaged in every way that
 * changes its meaning, and each of its bytes is replaced by every other.
 */
#include "probes/site_entry.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "temp_file.h"
#include "tiny_elf.h"
#include "unit_test.h"
#include "util/cleanup.h"

static const char good[] = "pyfrag sites 3\n"
			   "400225 1 ffff0702\n"
			   "400230 0 8ffff8401\n"
			   "400270 1 ffcc000086050003\n";

struct fixture {
	struct elf_file *elf;
	int fd;
};

static int set_up(void **state)
{
	static struct fixture fixture;
	struct tiny_elf tiny;

	tiny_elf__init(&tiny);
	fixture.fd = temp_file__new(&tiny, sizeof(tiny));
	*state = &fixture;
	return elf_file__open(&fixture.elf, fixture.fd);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	elf_file__free(fixture->elf);
	return close(fixture->fd);
}

static int read_text(void **state, const char *text, size_t size, struct site_set *out)
{
	struct fixture *fixture = *state;
	_cleanup_fclose_ FILE *file = fmemopen((void *)text, size, "r");

	assert_non_null(file);
	return site_entry__read(out, file, fixture->elf);
}

static size_t write_text(const struct site_set *set, char *text, size_t size)
{
	_cleanup_fclose_ FILE *file = fmemopen(text, size, "w");

	assert_non_null(file);
	assert_int_equal(site_entry__write(set, file), 0);
	fflush(file);
	return (size_t)ftell(file);
}

static void test_there_and_back(void **state)
{
	const struct pyfrag_site no_operands = {
		.operand = PYFRAG_NO_REGISTER,
		.compared = {PYFRAG_NO_REGISTER, PYFRAG_NO_REGISTER},
	};
	struct site sites[EVENT_FREELIST_CLEAR];
	_cleanup_(site_set__free) struct site_set again = {};
	const struct site_set set = {.items = sites, .cnt = ARRAY_SIZE(sites)};
	char text[1024];
	size_t size;

	for (uint8_t i = 0; i < ARRAY_SIZE(sites); i++) {
		sites[i] = (struct site){.address = TINY_CODE_ADDRESS + TINY_TEXT_OFFSET + i,
					 .offset = TINY_TEXT_OFFSET + i,
					 .emulated = i % 2,
					 .probe = no_operands};
		sites[i].probe.type = EVENT_ALLOC + i;
		if (sites[i].probe.type == EVENT_FREELIST_CLEAR)
			continue;
		sites[i].probe.operand = i | (i % 2 ? PYFRAG_OPERAND_IN_MEMORY : 0);
		sites[i].probe.displacement = (int16_t)(-40 * i);
		if (sites[i].probe.type != EVENT_NEW_POOL)
			continue;
		sites[i].probe.compared[0] = 5;
		sites[i].probe.compared[1] = 6 | PYFRAG_OPERAND_IN_MEMORY;
		sites[i].probe.compared_displacement = -52;
	}
	size = write_text(&set, text, sizeof(text));
	assert_int_equal(read_text(state, text, size, &again), 0);
	assert_int_equal(again.cnt, ARRAY_SIZE(sites));
	for (size_t i = 0; i < again.cnt; i++) {
		assert_int_equal(again.items[i].address, sites[i].address);
		assert_int_equal(again.items[i].offset, sites[i].offset);
		assert_int_equal(again.items[i].emulated, sites[i].emulated);
		assert_memory_equal(&again.items[i].probe, &sites[i].probe, sizeof(sites[i].probe));
	}
}

static void test_none(void **state)
{
	const struct site_set none = {};
	struct site_set again = {.cnt = 77};
	char text[64];
	size_t size = write_text(&none, text, sizeof(text));

	assert_int_equal(read_text(state, text, size, &again), 0);
	assert_int_equal(again.cnt, 0);
}

static void assert_refused(void **state, const char *text)
{
	struct site_set set = {.cnt = 77};

	assert_int_equal(read_text(state, text, strlen(text), &set), -EINVAL);
	assert_int_equal(set.cnt, 77);
}

#define ONE(line) "pyfrag sites 1\n" line

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"\n",
		"something else\n",
		"pyfrag sites\n",
		"pyfrag sites 1\n",
		"pyfrag sites 2\n400225 1 ffff0702\n",
		"pyfrag sites 0\n400225 1 ffff0702\n",
		"pyfrag sites 01\n400225 1 ffff0702\n",
		"pyfrag sites -1\n400225 1 ffff0702\n",
		"pyfrag sites 99999999999\n400225 1 ffff0702\n",
		ONE("not a site\n"),
		ONE("400225 1 ffff0702"), /* truncated */
		ONE("400225 1 ffff0702\n\n"),
		ONE("400225 1 ffff0702 \n"),
		ONE(" 400225 1 ffff0702\n"),
		ONE("0x400225 1 ffff0702\n"),
		ONE("400225 1 FFFF0702\n"),
		ONE("400225 1\n"),
		ONE("400225 2 ffff0702\n"),		/* emulated has to be 0 or 1 */
		ONE("400225 1 ffff0700\n"),		/* no type */
		ONE("400225 1 ffff0708\n"),		/* EXEC is not the type of a site */
		ONE("400225 1 ffff0782\n"),		/* STEPPED is not stored that way */
		ONE("400225 1 ffff2002\n"),		/* no such register */
		ONE("400225 1 ffffff02\n"),		/* a register is required */
		ONE("400225 1 ffff0707\n"),		/* none is allowed here */
		ONE("400225 1 ff050702\n"),		/* compares nothing */
		ONE("400225 1 1000000ffff0702\n"),	/* nothing to compare there */
		ONE("400225 1 05ff0703\n"),		/* not canonical */
		ONE("400225 1 5ff0703\n"),		/* compares with none */
		ONE("1ff 1 ffff0702\n"),		/* in no segment */
		ONE("601310 1 ffff0702\n"),		/* not in code */
		ONE("deadbeef0000 1 ffff0702\n"),	/* nowhere */
		ONE("ffffffffffffffffff 1 ffff0702\n"), /* too large a number */
		ONE("000000000000000000000000000000000000000000000000000000000400225 1 ffff0702\n"),
		"pyfrag sites 2\n400226 1 ffff0702\n400225 1 ffff0702\n", /* not in order */
		"pyfrag sites 2\n400225 1 ffff0702\n400225 1 ffff0702\n", /* twice the same */
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_refused(state, texts[i]);
}

/* Whatever a byte becomes, an accepted text is exactly what would be written for its sites. */
static void test_every_byte(void **state)
{
	size_t taken = 0, refused = 0;

	for (size_t at = 0; at < sizeof(good) - 1; at++) {
		for (int byte = 0; byte < 256; byte++) {
			_cleanup_(site_set__free) struct site_set set = {};
			char text[sizeof(good)], again[2 * sizeof(good)];

			memcpy(text, good, sizeof(good));
			text[at] = (char)byte;
			if (read_text(state, text, sizeof(good) - 1, &set)) {
				refused++;
				continue;
			}
			taken++;
			assert_int_equal(write_text(&set, again, sizeof(again)), sizeof(good) - 1);
			assert_memory_equal(again, text, sizeof(good) - 1);
		}
	}
	assert_true(taken >= sizeof(good) - 1); /* the good text itself */
	assert_true(refused > taken);
}

static void test_too_many(void **state)
{
	_cleanup_free_ struct site *sites = calloc(SITE_ENTRY_SITES_MAX + 1, sizeof(*sites));
	const struct site_set set = {.items = sites, .cnt = SITE_ENTRY_SITES_MAX + 1};
	_cleanup_fclose_ FILE *file = fopen("/dev/null", "w");
	char text[64];

	assert_non_null(sites);
	assert_int_equal(site_entry__write(&set, file), -EFBIG);
	snprintf(text, sizeof(text), "pyfrag sites %x\n", SITE_ENTRY_SITES_MAX + 1);
	assert_refused(state, text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_none),
		cmocka_unit_test(test_refused),	       cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
