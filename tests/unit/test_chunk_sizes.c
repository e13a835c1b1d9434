// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/chunk_sizes.h"

#include "fake_malloc.h"
#include "malloc/malloc_layout.h"
#include "malloc/mallocs.h"
#include "unit_test.h"

static void add(struct chunk_total *sum, const struct chunk_total *total)
{
	sum->cnt += total->cnt;
	sum->bytes += total->bytes;
}

/* The chunks of a class are not larger than it says, and larger than those of the one before. */
static void check_bounds(const struct chunk_class *class, const struct chunk_total *total,
			 uint64_t before)
{
	assert_true(total->bytes <= total->cnt * class->largest);
	assert_true(total->bytes >= total->cnt * (before + 1));
}

static void assert_same(const struct chunk_total *a, const struct chunk_total *b)
{
	assert_int_equal(a->cnt, b->cnt);
	assert_int_equal(a->bytes, b->bytes);
}

static void test_classes_are_all_chunks(void **state)
{
	static const struct target_ops ops;
	struct mallocs mallocs = {};
	struct malloc_arena_use use;
	struct chunk_class sum = {};
	struct fake_malloc fake;
	struct heap *heap;
	uint64_t before = 0;

	(void)state;
	fake_malloc__init(&fake, &arena_layouts[0], true);
	fake.target.ops = &ops;
	assert_int_equal(heap__new(&heap, &malloc_layout, NULL), 0);
	assert_int_equal(mallocs__read(&mallocs, heap, &fake.target, NULL), 0);
	for (size_t i = 0; i < mallocs.items[0].sizes.class_cnt; i++) {
		const struct chunk_class *class = &mallocs.items[0].sizes.classes[i];

		check_bounds(class, &class->in_use, before);
		check_bounds(class, &class->free, before);
		check_bounds(class, &class->tcache, before);
		check_bounds(class, &class->mapped, before);
		add(&sum.in_use, &class->in_use);
		add(&sum.free, &class->free);
		add(&sum.tcache, &class->tcache);
		add(&sum.mapped, &class->mapped);
		assert_true(class->largest > before);
		before = class->largest;
	}
	use = malloc_image__total(&mallocs.items[0].image);
	add(&use.free, &use.fastbins);
	assert_same(&sum.in_use, &use.in_use);
	assert_same(&sum.free, &use.free);
	assert_same(&sum.tcache, &use.tcache);
	assert_int_equal(sum.mapped.cnt, 2);
	assert_int_equal(sum.mapped.bytes, FAKE_MAPPED_BYTES);
	mallocs__release(&mallocs);
	heap__free(heap);
	fake_malloc__release(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes_are_all_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
