// SPDX-License-Identifier: BSD-2-Clause
#include "other_mallocs/other_mallocs.h"

#include <errno.h>

#include "fake_other_mallocs.h"
#include "other_mallocs/module_version.h"
#include "unit_test.h"
#include "util/cleanup.h"

static const struct target_ops no_ops;

static void find(const struct fake_other_malloc *fake, struct other_mallocs *mallocs)
{
	struct target target = fake->target;

	target.ops = &no_ops;
	assert_int_equal(other_mallocs__find(mallocs, &target), 0);
}

/* Everything that was made is found, and nothing else. */
static void test_finds_all_that_is_there(void **state)
{
	(void)state;
	for (int kind = 0; kind < FAKE_OTHER_KINDS; kind++) {
		_cleanup_(other_mallocs__release) struct other_mallocs mallocs = {};
		struct fake_other_malloc fake;
		const struct other_malloc *item;

		fake_other_malloc__init(&fake, (enum fake_other_kind)kind);
		find(&fake, &mallocs);
		assert_int_equal(mallocs.cnt, 1);
		item = &mallocs.items[0];
		assert_int_equal(item->kind, fake.kind);
		assert_string_equal(item->path, "/usr/lib/libmalloc.so");
		for (int i = 0; i < OTHER_STATES; i++)
			assert_int_equal(other_malloc__bytes(item, (enum other_state)i),
					 fake.bytes[i]);
		assert_int_equal(item->knows_in_use, fake.knows_in_use);
		assert_int_equal(item->in_use_cnt, fake.in_use_cnt);
		assert_int_equal(item->in_use_bytes, fake.in_use_bytes);
		assert_int_equal(item->skipped, 0);
		fake_other_malloc__release(&fake);
	}
}

static size_t count_found(const struct fake_other_malloc *fake)
{
	_cleanup_(other_mallocs__release) struct other_mallocs mallocs = {};

	find(fake, &mallocs);
	return mallocs.cnt;
}

/* What only looks like an allocator is none. */
static void test_demands_proof(void **state)
{
	static const struct {
		enum fake_other_kind kind;
		uint64_t address, word;
	} changes[] = {
		/* The root has a word that is no address of a table. */
		{FAKE_JEMALLOC_53, FAKE_ROOT + 8, 1},
		{FAKE_TCMALLOC, FAKE_ROOT + 8, 1},
		/* An extent, a span is for other pages. */
		{FAKE_JEMALLOC_53, FAKE_ITEMS + 8, FAKE_PAGES + 0x100000},
		{FAKE_JEMALLOC_53_WIDE, FAKE_ITEMS + 8, FAKE_PAGES + 0x100000},
		{FAKE_TCMALLOC, FAKE_ITEMS, 5},
		/* No group refers back to its description. */
		{FAKE_MALLOCNG, FAKE_BRK_START + 24 + 16, FAKE_TABLES + 8},
		/* The context is not initialized, or has another secret. */
		{FAKE_MALLOCNG, FAKE_ROOT + 8, 0},
		{FAKE_MALLOCNG, FAKE_ROOT, 0x123456789abcdef2},
		/* The runs of a segment do not end with it. */
		{FAKE_MIMALLOC_22, FAKE_SEGMENT + 288 + 96, 9},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		struct fake_other_malloc fake;

		fake_other_malloc__init(&fake, changes[i].kind);
		*fake_memory__word(&fake.memory, changes[i].address) = changes[i].word;
		if (changes[i].kind == FAKE_MIMALLOC_22)
			*fake_memory__word(&fake.memory, FAKE_SEGMENT + FAKE_SEGMENT_BYTES + 248) =
				0;
		if (changes[i].kind == FAKE_MALLOCNG)
			for (size_t j = 1; j < 5; j++)
				*fake_memory__word(&fake.memory,
						   FAKE_BRK_START + 24 + j * 40 + 16) = 0;
		assert_int_equal(count_found(&fake), 0);
		fake_other_malloc__release(&fake);
	}
}

/* A group that is malformed is counted, and the others are still read. */
static void test_counts_what_is_malformed(void **state)
{
	_cleanup_(other_mallocs__release) struct other_mallocs mallocs = {};
	struct fake_other_malloc fake;

	(void)state;
	fake_other_malloc__init(&fake, FAKE_MALLOCNG);
	*fake_memory__word(&fake.memory, FAKE_BRK_START + 24 + 2 * 40 + 32) = 50UL << 6;
	find(&fake, &mallocs);
	assert_int_equal(mallocs.cnt, 1);
	assert_int_equal(mallocs.items[0].skipped, 1);
	assert_int_equal(mallocs.items[0].in_use_cnt, fake.in_use_cnt - 1);
	fake_other_malloc__release(&fake);
}

/* A list of areas that leads in a circle is cut off. */
static void test_areas_in_a_circle(void **state)
{
	_cleanup_(other_mallocs__release) struct other_mallocs mallocs = {};
	struct fake_other_malloc fake;

	(void)state;
	fake_other_malloc__init(&fake, FAKE_MALLOCNG);
	*fake_memory__word(&fake.memory, FAKE_BRK_START + 8) = FAKE_BRK_START;
	find(&fake, &mallocs);
	assert_int_equal(mallocs.cnt, 1);
	assert_int_equal(other_malloc__bytes(&mallocs.items[0], OTHER_METADATA), 4096);
	assert_true(mallocs.items[0].skipped >= 1);
	fake_other_malloc__release(&fake);
}

static void test_ranges_do_not_overlap(void **state)
{
	struct other_malloc item = {};

	(void)state;
	assert_int_equal(other_malloc__add_range(&item, NULL, 0x3000, 0x5000, OTHER_UNUSED), 0);
	assert_int_equal(other_malloc__add_range(&item, NULL, 0x1000, 0x4000, OTHER_ACTIVE), 0);
	assert_int_equal(other_malloc__add_range(&item, NULL, 0x5000, 0x6000, OTHER_UNUSED), 0);
	assert_int_equal(other_malloc__add_range(&item, NULL, 0x2000, 0x3000, OTHER_UNUSED), 0);
	assert_int_equal(other_malloc__sort_ranges(&item, NULL), 0);
	assert_int_equal(item.range_cnt, 2);
	assert_int_equal(other_malloc__bytes(&item, OTHER_ACTIVE), 0x3000);
	assert_int_equal(other_malloc__bytes(&item, OTHER_UNUSED), 0x2000);
	assert_int_equal(other_malloc__range_from(&item, 0x3fff)->state, OTHER_ACTIVE);
	assert_int_equal(other_malloc__range_from(&item, 0x4000)->state, OTHER_UNUSED);
	assert_null(other_malloc__range_from(&item, 0x6000));
	other_malloc__release(&item);
}

static void test_versions(void **state)
{
	static const char jemalloc[] = "5.3.0-0-g54eaed1d8b56b1aa528be3bdd1877e59c56fa90c";
	char version[8] = "";

	(void)state;
	assert_true(version__match_jemalloc(jemalloc, version, sizeof(version)));
	assert_string_equal(version, "5.3.0");
	assert_false(version__match_jemalloc("5.3.0-0-g54eaed1d8b", version, sizeof(version)));
	assert_false(version__match_jemalloc("5.3.0", version, sizeof(version)));
	assert_false(version__match_jemalloc(jemalloc, version, 5));
	assert_true(version__match_gperftools("gperftools 2.10", version, sizeof(version)));
	assert_string_equal(version, "2.10");
	assert_false(version__match_gperftools("gperftools x", version, sizeof(version)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_all_that_is_there),
		cmocka_unit_test(test_demands_proof),
		cmocka_unit_test(test_counts_what_is_malformed),
		cmocka_unit_test(test_areas_in_a_circle),
		cmocka_unit_test(test_ranges_do_not_overlap),
		cmocka_unit_test(test_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
