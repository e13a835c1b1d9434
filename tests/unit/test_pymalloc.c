// SPDX-License-Identifier: BSD-2-Clause
/*
 * pymalloc through the operations of an allocator, in a fake Python. What it reads equals what the
 * fake has allocated.
 */
#include "pymalloc/pymalloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_target.h"
#include "source/debug_hooks.h"
#include "temp_file.h"
#include "tiny_elf.h"
#include "unit_test.h"
#include "util/cleanup.h"

/* The second interpreter, and its allocator's state, to which it points. */
#define INTERPRETER_BYTES (200UL << 10)
#define POINTER_OFFSET	  0x2a9f8
#define HEAD		  0x555556f00000UL /* of the list of interpreters */
#define MAIN		  0x555557000000UL
#define SECOND		  0x555557100000UL
#define SECOND_STATE	  0x555558000010UL

/* A process whose only module is a Python that has the data of a fake target. */
struct fixture {
	struct fake_target fake;
	struct mapping maps;
	struct module module;
	struct python python;
	struct target target;
	struct target_heaps heaps;
	struct heap *heap;
	struct checkpoint_counts counts;
	struct failure failure;
};

static const char *python_malloc; /* the variable PYTHONMALLOC of the process */

static char *environment(const struct target *target, const char *name)
{
	(void)target;
	assert_string_equal(name, "PYTHONMALLOC");
	return python_malloc ? strdup(python_malloc) : NULL;
}

static const struct target_ops operations = {.environment = environment};

/* Its data segment is where the fake target's data are. */
static void make_module(struct module *module)
{
	struct tiny_elf elf;
	Elf64_Phdr *data = &elf.segments[TINY_SEGMENT_DATA];

	tiny_elf__init(&elf);
	data->p_memsz = FAKE_DATA_BYTES;
	*module = (struct module){.fd = temp_file__new(&elf, sizeof(elf)),
				  .bias = FAKE_DATA - data->p_vaddr};
	assert_int_equal(elf_file__open(&module->elf, module->fd), 0);
}

static void make(struct fixture *fixture, const struct fake_options *options)
{
	static char comm[] = "python3";

	python_malloc = NULL;
	*fixture = (struct fixture){
		.maps = {.end = UINT64_MAX, .writable = true},
		.python = {.version = "3.11.2", .major = 3, .minor = 11},
		.target = {.ops = &operations, .pid = 17, .comm = comm},
	};
	fake_target__init(&fixture->fake, options);
	make_module(&fixture->module);
	fixture->python.module = &fixture->module;
	fixture->target.memory = &fixture->fake.memory.memory;
	fixture->target.maps = &fixture->maps;
	fixture->target.map_cnt = 1;
}

static void make_usual(struct fixture *fixture)
{
	const struct fake_options options = fake_target__options(NULL, FAKE_INLINED);

	make(fixture, &options);
}

static void release(struct fixture *fixture)
{
	heap__free(fixture->heap);
	target_heaps__free(&fixture->heaps);
	elf_file__free(fixture->module.elf);
	close(fixture->module.fd);
	fake_target__release(&fixture->fake);
}

static void allocate(struct fake_pymalloc *fake)
{
	for (int i = 0; i < 9000; i++)
		fake_pymalloc__step(fake, 5000);
}

static int locate(struct fixture *fixture)
{
	const struct heap_context context = {.target = &fixture->target,
					     .python = &fixture->python};

	return pymalloc.locate(&fixture->heaps, &context, &fixture->failure);
}

/* Locates the heap, the only one, and makes an image of it, which is still empty. */
static struct target_heap *find_heap(struct fixture *fixture)
{
	struct target_heap *target_heap;

	assert_int_equal(locate(fixture), 0);
	assert_int_equal(fixture->heaps.cnt, 1);
	target_heap = fixture->heaps.items[0];
	assert_ptr_equal(target_heap->allocator, &pymalloc);
	assert_null(target_heap->name);
	assert_int_equal(heap__new(&fixture->heap, &target_heap->layout, NULL), 0);
	return target_heap;
}

static int update(struct fixture *fixture)
{
	const struct checkpoint_options options = {.keep_stamps = true};

	return pymalloc.update(fixture->heaps.items[0], fixture->heap, &options, &fixture->counts,
			       &fixture->failure);
}

static void settle(struct fixture *fixture)
{
	assert_int_equal(debug_hooks__settle(fixture->heaps.items[0], fixture->heap), 0);
}

static void test_heaps_of_every_geometry(void **state)
{
	(void)state;
	for (size_t i = 0; i < FAKE_GEOMETRY_CNT; i++) {
		const struct fake_options options =
			fake_target__options(&FAKE_GEOMETRIES[i],
					     i & 1 ? FAKE_INLINED : FAKE_STATIC);
		struct geometry geometry;
		struct fixture fixture;

		make(&fixture, &options);
		allocate(&fixture.fake.pymalloc);
		geometry = pymalloc_layout__geometry(&find_heap(&fixture)->layout);
		assert_memory_equal(&geometry, &FAKE_GEOMETRIES[i], sizeof(geometry));
		for (int readings = 0; readings < 3; readings++) {
			assert_int_equal(update(&fixture), 0);
			check_heap_of(fixture.heap, &fixture.fake.pymalloc);
			allocate(&fixture.fake.pymalloc);
		}
		settle(&fixture);
		assert_string_equal(fixture.heaps.items[0]->name, "pymalloc");
		assert_false(fixture.heaps.items[0]->has_debug_hooks);
		release(&fixture);
	}
}

static void test_pools_are_read_again(void **state)
{
	_cleanup_free_ uint64_t *pools = NULL;
	struct fixture fixture;
	struct fake_pymalloc *fake = &fixture.fake.pymalloc;
	const struct target_heap *target_heap;
	size_t cnt = 0;

	(void)state;
	make_usual(&fixture);
	allocate(fake);
	target_heap = find_heap(&fixture);
	assert_int_equal(update(&fixture), 0);
	pools = calloc(fake->block_cnt, sizeof(*pools));
	assert_non_null(pools);
	for (size_t i = 0; i < 300; i++) {
		size_t at = i * 7 % fake->block_cnt;

		pools[cnt++] =
			heap_layout__span_start(&target_heap->layout, fake->blocks[at].address);
		fake_pymalloc__free_at(fake, at);
	}
	assert_int_equal(pymalloc.reread(target_heap, fixture.heap, pools, cnt, &fixture.counts),
			 0);
	check_heap_of(fixture.heap, fake);
	release(&fixture);
}

/* What _PyMem_DebugRawAlloc() writes before the bytes of each object. */
static void write_debug_hooks(struct fixture *fixture)
{
	const struct fake_pymalloc *fake = &fixture->fake.pymalloc;

	for (size_t i = 0; i < fake->block_cnt; i++)
		memcpy(fake_memory__at(&fixture->fake.memory, fake->blocks[i].address, 16),
		       "\0\0\0\0\0\0\0\x08o\xfd\xfd\xfd\xfd\xfd\xfd\xfd", 16);
}

static void test_debug_hooks(void **state)
{
	struct fixture fixture;

	(void)state;
	make_usual(&fixture);
	for (int i = 0; i < 1000; i++)
		fake_pymalloc__alloc(&fixture.fake.pymalloc, 32);
	write_debug_hooks(&fixture);
	find_heap(&fixture);
	assert_int_equal(update(&fixture), 0);
	settle(&fixture);
	assert_string_equal(fixture.heaps.items[0]->name, "pymalloc_debug");
	assert_true(fixture.heaps.items[0]->has_debug_hooks);
	release(&fixture);
}

/* Since 3.9 (bpo-37257). */
static void test_versions_that_keep_an_empty_arena(void **state)
{
	static const struct {
		int major, minor;
		bool keeps;
	} versions[] = {{2, 7, false}, {3, 8, false}, {3, 9, true}, {3, 11, true}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		struct fixture fixture;

		make_usual(&fixture);
		fixture.python.major = versions[i].major;
		fixture.python.minor = versions[i].minor;
		allocate(&fixture.fake.pymalloc);
		assert_int_equal(find_heap(&fixture)->layout.keeps_one_empty, versions[i].keeps);
		release(&fixture);
	}
}

/* Makes the list of interpreters: the second one, if it is there, then the main one. */
static void list_interpreters(struct fixture *fixture, bool has_second)
{
	struct fake_memory *memory = &fixture->fake.memory;

	*fake_memory__word(memory, HEAD) = has_second ? SECOND : MAIN;
	*fake_memory__word(memory, SECOND) = MAIN; /* `next` is the first member */
}

static void test_interpreters_come_and_go(void **state)
{
	struct fake_options options = fake_target__options(NULL, FAKE_INLINED);
	struct fake_pymalloc second;
	struct fixture fixture;
	struct fake_memory *memory = &fixture.fake.memory;

	(void)state;
	make(&fixture, &options);
	fake_memory__map(memory, HEAD, 4096);
	fake_memory__map(memory, MAIN, INTERPRETER_BYTES);
	fake_memory__map(memory, SECOND, INTERPRETER_BYTES);
	fake_memory__map(memory, SECOND_STATE & ~0xfffUL, 4096);
	*fake_memory__word(memory, MAIN + POINTER_OFFSET) = FAKE_TABLE;
	*fake_memory__word(memory, SECOND + POINTER_OFFSET) = SECOND_STATE;
	fixture.python.interpreters_head = HEAD;
	options.table_address = SECOND_STATE;
	options.arrays_address += 1UL << 36;
	options.arenas_below -= 1UL << 30;
	fake_pymalloc__init(&second, memory, &options);
	allocate(&fixture.fake.pymalloc);
	allocate(&second);
	find_heap(&fixture);
	list_interpreters(&fixture, false);
	assert_int_equal(update(&fixture), 0);
	check_heap_of(fixture.heap, &fixture.fake.pymalloc);
	list_interpreters(&fixture, true);
	assert_int_equal(update(&fixture), 0);
	check_heap(fixture.heap, (const struct fake_pymalloc *[]){&fixture.fake.pymalloc, &second},
		   2);
	list_interpreters(&fixture, false);
	assert_int_equal(update(&fixture), 0);
	check_heap_of(fixture.heap, &fixture.fake.pymalloc);
	fake_pymalloc__release(&second);
	release(&fixture);
}

static void assert_failure(const struct fixture *fixture, const char *reason)
{
	if (!strstr(fixture->failure.text, reason))
		fail_msg("\"%s\" does not say \"%s\"", fixture->failure.text, reason);
}

static void assert_no_heap(struct fixture *fixture, const char *reason)
{
	assert_int_equal(locate(fixture), -ENODATA);
	assert_int_equal(fixture->heaps.cnt, 0);
	assert_failure(fixture, reason);
}

static void test_why_there_is_no_heap(void **state)
{
	struct fixture fixture;

	(void)state;
	make_usual(&fixture);
	assert_no_heap(&fixture, "process 17 (python3): no pymalloc arenas: CPython 3.11.2 does "
				 "not allocate with pymalloc");
	python_malloc = "malloc";
	assert_no_heap(&fixture, "was started with PYTHONMALLOC=malloc; restart it");
	python_malloc = "default";
	assert_no_heap(&fixture, "does not allocate with pymalloc");
	memset(fake_memory__at(&fixture.fake.memory, FAKE_DATA, FAKE_DATA_BYTES), 0,
	       FAKE_DATA_BYTES);
	assert_no_heap(&fixture, "was built without pymalloc");
	fixture.python.free_threaded = true;
	assert_no_heap(&fixture, "a free-threaded build, which allocates with mimalloc");
	release(&fixture);
}

static void assert_update_fails(struct fixture *fixture, int err, const char *reason)
{
	assert_int_equal(update(fixture), err);
	assert_failure(fixture, reason);
}

static void test_why_a_heap_cannot_be_read(void **state)
{
	struct fixture fixture;
	struct arena_object *slot;

	(void)state;
	make_usual(&fixture);
	allocate(&fixture.fake.pymalloc);
	assert_true(fixture.fake.pymalloc.arena_cnt > 1);
	find_heap(&fixture);
	slot = fake_pymalloc__slot(&fixture.fake.pymalloc, 1);
	slot->address += fixture.fake.pymalloc.geometry.pool_size;
	assert_update_fails(&fixture, -EAGAIN, "its table of arenas is inconsistent");
	slot->address -= fixture.fake.pymalloc.geometry.pool_size;
	fixture.fake.memory.error = -ESRCH;
	assert_update_fails(&fixture, -ESRCH, "cannot read its heap: No such process");
	fixture.fake.memory.error = 0;
	assert_int_equal(update(&fixture), 0);
	check_heap_of(fixture.heap, &fixture.fake.pymalloc);
	release(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heaps_of_every_geometry),
		cmocka_unit_test(test_pools_are_read_again),
		cmocka_unit_test(test_debug_hooks),
		cmocka_unit_test(test_versions_that_keep_an_empty_arena),
		cmocka_unit_test(test_interpreters_come_and_go),
		cmocka_unit_test(test_why_there_is_no_heap),
		cmocka_unit_test(test_why_a_heap_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
