// SPDX-License-Identifier: BSD-2-Clause
/*
 * A CPython is recognized by its data. So this test makes itself look like one, step by step: with
 * the symbols below, a version string in its data, and _Py_DebugOffsets.
 */
#include "target/python.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "target/live.h"
#include "target/live_memory.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define PAGE 4096UL

#define LIKE_311 "3.11.2 (main, May  2 2024, 11:59:08) [GCC 12.2.0]"

/* Results of Py_GetVersion() in real builds. */
static const struct {
	const char *text, *version;
} real_versions[] = {
	{"2.7.18 (default, Jul 14 2021, 08:11:37) \n[GCC 10.2.1 20210110]", "2.7.18"},
	{"2.7.18+ (heads/2.7:8d21aa21f2, Jan  1 2020, 00:00:00) \n[GCC 9.3.0]", "2.7.18+"},
	{"3.9.2 (default, Feb 28 2021, 17:03:44) \n[GCC 10.2.1 20210110]", "3.9.2"},
	{LIKE_311, "3.11.2"},
	{"3.12.0rc1 (main, Aug  6 2023, 17:56:34) [Clang 16.0.3 ]", "3.12.0rc1"},
	{"3.13.5 experimental free-threading build (main, Jun 25 2025, 18:55:22) [GCC 14.2.0]",
	 "3.13.5"},
	{"3.15.0a2+ (heads/main:1234567, Dec  1 2025, 10:00:00) [GCC 15.2.0]", "3.15.0a2+"},
};

/* A segment whose buffer has exactly its size, so that ASan detects reads past its end. */
static struct data_segment make_segment(const void *bytes, size_t size)
{
	struct data_segment segment = {.address = 0x10000,
				       .bytes = malloc(size ? size : 1),
				       .size = size};

	assert_non_null(segment.bytes);
	memcpy(segment.bytes, bytes, size);
	return segment;
}

/* Scans one segment; the result is in @version, which is unchanged if there is none. */
static bool scan(const void *bytes, size_t size, char *version, size_t version_size)
{
	struct data_segment segment = make_segment(bytes, size);
	struct data_image image = {.segments = &segment, .segment_cnt = 1};
	bool found = !python__scan_version(&image, NULL, version, version_size);

	free(segment.bytes);
	return found;
}

static void assert_scan(const void *bytes, size_t size, const char *expected)
{
	char version[32] = "untouched";

	assert_int_equal(scan(bytes, size, version, sizeof(version)), !!expected);
	assert_string_equal(version, expected ? expected : "untouched");
}

static void test_real_versions(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(real_versions); i++) {
		const char *text = real_versions[i].text;
		size_t size = strlen(text) + 1;
		char data[512] = "";

		/* The text as the whole segment, at its end, at its start, and inside. */
		assert_scan(text, size, real_versions[i].version);
		memset(data, 0xff, sizeof(data));
		data[sizeof(data) - size - 1] = '\0';
		memcpy(data + sizeof(data) - size, text, size);
		assert_scan(data, sizeof(data), real_versions[i].version);
		memset(data, 0xff, sizeof(data));
		memcpy(data, text, size);
		assert_scan(data, sizeof(data), real_versions[i].version);
		memset(data, 0xff, sizeof(data));
		data[99] = '\0';
		memcpy(data + 100, text, size);
		assert_scan(data, sizeof(data), real_versions[i].version);
	}
}

static void test_near_misses(void **state)
{
	static const char *const texts[] = {
		"",
		"3.11.2",
		"3.11.2 (main)",
		"3.11.2 (main) GCC",
		"3.11.2 main [GCC 12.2.0]",
		"3.11.2(main) [GCC 12.2.0]",
		"3.11 (main) [GCC 12.2.0]",
		"3.11.2.1 (main) [GCC 12.2.0]",
		"4.0.0 (main) [GCC 12.2.0]",
		"1.6.1 (main) [GCC 12.2.0]",
		"13.11.2 (main) [GCC 12.2.0]",
		"x3.11.2 (main) [GCC 12.2.0]",
		" 3.11.2 (main) [GCC 12.2.0]",
		"Python 3.11.2 (main) [GCC 12.2.0]",
		"3-11-2 (main) [GCC 12.2.0]",
		"3.11.2-4 (main) [GCC 12.2.0]",
		"%d.%d.%d (%s) [%s]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		char data[128] = "";

		assert_scan(texts[i], strlen(texts[i]) + 1, NULL);
		memcpy(data + 32, texts[i], strlen(texts[i]));
		assert_scan(data, sizeof(data), NULL);
	}
}

/* The text must end inside the segment: if it is cut before its NUL, nothing is found. */
static void test_cut_off_at_the_end(void **state)
{
	static const char text[] = LIKE_311;
	char data[4 + sizeof(text)] = "abc";

	(void)state;
	for (size_t size = 0; size < sizeof(text); size++)
		assert_scan(text, size, NULL);
	assert_scan(text, sizeof(text), "3.11.2");

	memcpy(data + 4, text, sizeof(text));
	for (size_t size = 0; size < sizeof(data); size++)
		assert_scan(data, size, NULL);
	assert_scan(data, sizeof(data), "3.11.2");
}

/* Py_GetVersion()'s buffer has 250 bytes: a longer text is something else. */
static void test_longer_than_it_can_be(void **state)
{
	char data[1024];

	(void)state;
	memset(data, ']', sizeof(data));
	memcpy(data, LIKE_311, strlen(LIKE_311));
	data[sizeof(data) - 1] = '\0';
	assert_scan(data, sizeof(data), NULL);
	data[200] = '\0';
	assert_scan(data, sizeof(data), "3.11.2");
}

static void test_a_near_miss_does_not_hide_the_right_one(void **state)
{
	static const char data[] = "\0"
				   "3.10.1\0"
				   "3.10.2 (main)\0"
				   "3.10.3 [GCC]\0" LIKE_311 "\0"
				   "3.10.4";

	(void)state;
	assert_scan(data, sizeof(data), "3.11.2");
}

static void test_all_segments_are_scanned(void **state)
{
	static const char nothing[300] = "";
	struct data_segment segments[] = {
		make_segment(nothing, sizeof(nothing)),
		make_segment("", 0),
		make_segment(LIKE_311, sizeof(LIKE_311)),
	};
	struct data_image image = {.segments = segments, .segment_cnt = 2};
	char version[32] = "untouched";

	(void)state;
	assert_int_equal(python__scan_version(&image, NULL, version, sizeof(version)), -ENOENT);
	assert_string_equal(version, "untouched");
	image.segment_cnt = 3;
	assert_int_equal(python__scan_version(&image, NULL, version, sizeof(version)), 0);
	assert_string_equal(version, "3.11.2");
	image.segment_cnt = 0;
	assert_int_equal(python__scan_version(&image, NULL, version, sizeof(version)), -ENOENT);
	for (size_t i = 0; i < ARRAY_SIZE(segments); i++)
		free(segments[i].bytes);
}

static void test_buffer_that_is_too_small(void **state)
{
	char version[8] = "untouch";

	(void)state;
	/* "3.11.2" and its NUL are 7 bytes. */
	assert_false(scan(LIKE_311, sizeof(LIKE_311), version, 6));
	assert_string_equal(version, "untouch");
	assert_true(scan(LIKE_311, sizeof(LIKE_311), version, 7));
	assert_string_equal(version, "3.11.2");
	assert_int_equal(version[7], '\0');
}

/* From here on, this process looks like a Python. */

/* The symbols that python__find_module() and the 3.12 case use. */
void PyObject_Malloc(void);

void PyObject_Malloc(void)
{
}

extern uint64_t _PyRuntime[16];
uint64_t _PyRuntime[16] = {1};

static char version_buffer[250]; /* Py_GetVersion()'s */

/* _Py_DebugOffsets: Include/internal/pycore_debug_offsets.h, CPython 3.13 and later. */
static struct {
	char cookie[8];
	uint64_t version, free_threaded;
	uint64_t runtime_size, runtime_finalizing, runtime_interpreters_head;
	uint64_t interpreter_size, interpreter_id, interpreter_next;
	uint64_t rest[64];
} debug_offsets = {.runtime_size = 1};

static void become_python(const char *version, bool with_offsets)
{
	memset(version_buffer, 0, sizeof(version_buffer));
	memcpy(version_buffer, version, strlen(version));
	/* In two steps, because otherwise the constant would be found as well. */
	memcpy(debug_offsets.cookie, "xdebug", 6);
	memcpy(debug_offsets.cookie + 6, with_offsets ? "py" : "??", 2);
}

static void stop_being_python(void)
{
	become_python("", false);
}

static struct target *open_process(pid_t pid)
{
	struct target *target = NULL;
	struct failure failure;

	assert_int_equal(live__open(&target, pid, &failure), 0);
	return target;
}

static void test_finds_python_by_its_data(void **state)
{
	_cleanup_(target__freep) struct target *target = open_process(getpid());
	_cleanup_(python__freep) struct python *python = NULL;
	struct failure failure;

	(void)state;
	become_python(LIKE_311, false);
	assert_int_equal(python__find(&python, target, &failure), 0);
	assert_string_equal(python->version, "3.11.2");
	assert_int_equal(python->major, 3);
	assert_int_equal(python->minor, 11);
	assert_false(python->free_threaded);
	assert_int_equal(python->interpreters_head, 0);
	assert_non_null(python->module);
	assert_string_equal(python->module->path, target->exe);
	stop_being_python();
}

static void test_python_that_has_not_started_up(void **state)
{
	_cleanup_(target__freep) struct target *target = open_process(getpid());
	struct python *python = NULL;
	struct failure failure = {};

	(void)state;
	/* The symbol exists, the version does not yet. */
	stop_being_python();
	assert_int_equal(python__find(&python, target, &failure), -EAGAIN);
	assert_null(python);
	assert_true(strlen(failure.text) > 0);
}

static void test_finds_module_by_its_symbol(void **state)
{
	_cleanup_(target__freep) struct target *target = open_process(getpid());
	_cleanup_(module__freep) struct module *module = NULL;

	(void)state;
	stop_being_python();
	assert_int_equal(python__find_module(&module, target), 0);
	assert_string_equal(module->path, target->exe);
}

static void test_what_is_no_python(void **state)
{
	char *const argv[] = {"sh", "-c", "echo; read x", NULL};
	char *const envp[] = {NULL};
	_cleanup_(target__freep) struct target *target = NULL;
	struct python *python = NULL;
	struct module *module = NULL;
	struct failure failure = {};
	struct child child;

	(void)state;
	child__exec(&child, "/bin/sh", argv, envp);
	child__wait_until_ready(&child);
	target = open_process(child.pid);
	assert_int_equal(python__find(&python, target, &failure), -ENOEXEC);
	assert_null(python);
	/* The message names the program. */
	assert_non_null(strstr(failure.text, target->exe));
	assert_int_equal(python__find_module(&module, target), -ENOEXEC);
	assert_null(module);

	child__kill(&child);
	assert_true(python__find(&python, target, &failure) < 0);
	assert_null(python);
}

static void test_interpreters_of_312(void **state)
{
	_cleanup_(target__freep) struct target *target = open_process(getpid());
	_cleanup_(python__freep) struct python *python = NULL;
	struct failure failure;

	(void)state;
	become_python("3.12.1 (main) [GCC]", false);
	assert_int_equal(python__find(&python, target, &failure), 0);
	assert_int_equal(python->minor, 12);
	/*
	 * 3.12's _PyRuntimeState: _initialized, preinitializing, preinitialized, core_initialized,
	 * initialized (4 bytes each), _finalizing (8), interpreters: mutex (8), head.
	 */
	assert_int_equal(python->interpreters_head, (uintptr_t)_PyRuntime + 24 + 8 + 8);
	assert_int_equal(python->next_interpreter_offset, 0);
	stop_being_python();
}

static void test_debug_offsets(void **state)
{
	_cleanup_(target__freep) struct target *target = open_process(getpid());

	(void)state;
	for (uint64_t free_threaded = 0; free_threaded <= 1; free_threaded++) {
		_cleanup_(python__freep) struct python *python = NULL;
		struct failure failure;

		become_python("3.13.5 (main) [GCC]", true);
		debug_offsets.free_threaded = free_threaded;
		debug_offsets.runtime_interpreters_head = 0x138;
		debug_offsets.interpreter_next = 0x1d70;
		assert_int_equal(python__find(&python, target, &failure), 0);
		assert_int_equal(python->free_threaded, free_threaded);
		assert_int_equal(python->interpreters_head, (uintptr_t)&debug_offsets + 0x138);
		assert_int_equal(python->next_interpreter_offset, 0x1d70);
	}
	stop_being_python();
}

/* A linked list like that of interpreters: the link is the second word. */
struct interpreter {
	uint64_t other, next;
};

static uint64_t address_of(const volatile void *pointer)
{
	return (uint64_t)(uintptr_t)pointer;
}

/* As in CPython: struct pyinterpreters, from `head` on. */
struct registry {
	uint64_t head, main, next_id;
};

static struct python python_of(const struct registry *registry)
{
	return (struct python){.interpreters_head = address_of(registry),
			       .next_interpreter_offset = offsetof(struct interpreter, next)};
}

static int list_own(const struct registry *registry, uint64_t **out, size_t *cnt, bool *is_whole)
{
	struct python python = python_of(registry);
	struct live_memory memory;

	live_memory__init(&memory, getpid());
	return python__interpreters(&python, &memory.memory, out, cnt, is_whole);
}

static void test_list_of_interpreters(void **state)
{
	struct interpreter list[3] = {};
	struct registry registry = {.head = address_of(&list[1]), .main = address_of(&list[0])};
	uint64_t *found;
	bool is_whole;
	size_t cnt;

	(void)state;
	list[1].next = address_of(&list[2]);
	list[2].next = address_of(&list[0]);
	assert_int_equal(list_own(&registry, &found, &cnt, &is_whole), 0);
	assert_int_equal(cnt, 3);
	assert_int_equal(found[0], address_of(&list[1]));
	assert_int_equal(found[1], address_of(&list[2]));
	assert_int_equal(found[2], address_of(&list[0]));
	assert_true(is_whole);
	account__free(found);

	registry = (struct registry){};
	assert_int_equal(list_own(&registry, &found, &cnt, &is_whole), 0);
	assert_int_equal(cnt, 0);
	assert_true(is_whole);
	account__free(found);
}

static void test_list_that_runs_in_circles(void **state)
{
	struct interpreter list[2] = {};
	struct registry registry = {.head = address_of(&list[0])};
	uint64_t *found = NULL;
	bool is_whole = true;
	size_t cnt = 99;

	(void)state;
	list[0].next = address_of(&list[1]);
	list[1].next = address_of(&list[0]);
	assert_int_equal(list_own(&registry, &found, &cnt, &is_whole), 0);
	assert_int_equal(cnt, 2);
	assert_false(is_whole);
	assert_int_equal(found[0], address_of(&list[0]));
	assert_int_equal(found[1], address_of(&list[1]));
	account__free(found);
}

static void test_list_as_long_as_it_may_be(void **state)
{
	struct interpreter *list = calloc(4097, sizeof(*list));
	struct registry registry = {.head = address_of(&list[0]), .main = address_of(&list[4095])};
	uint64_t *found = NULL;
	bool is_whole;
	size_t cnt = 99;

	(void)state;
	for (size_t i = 0; i + 1 < 4097; i++)
		list[i].next = address_of(&list[i + 1]);
	assert_int_equal(list_own(&registry, &found, &cnt, &is_whole), -ELOOP);
	assert_null(found);
	list[4095].next = 0;
	assert_int_equal(list_own(&registry, &found, &cnt, &is_whole), 0);
	assert_int_equal(cnt, 4096);
	assert_int_equal(found[4095], address_of(&list[4095]));
	account__free(found);
	free(list);
}

/* A state that is freed while the list is followed ends it. */
static void test_list_that_breaks_off(void **state)
{
	struct interpreter *page =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct interpreter first = {.next = address_of(page)}, main = {};
	struct registry registry = {.head = address_of(&first), .main = address_of(&main)};
	bool is_whole = true;
	uint64_t *found;
	size_t cnt;

	(void)state;
	assert_ptr_not_equal(page, MAP_FAILED);
	munmap(page, PAGE);
	assert_int_equal(list_own(&registry, &found, &cnt, &is_whole), 0);
	assert_true(cnt >= 1);
	assert_false(is_whole);
	assert_int_equal(found[0], address_of(&first));
	account__free(found);
}

/* A process in which interpreters are created and freed while the list is read. */
static struct {
	struct memory memory;
	struct live_memory own;
	struct interpreter main, old, newer;
	struct registry registry;
	/* Called before the read of this address, once. */
	uint64_t changes_at;
	void (*change)(void);
} world;

static int read_world(const struct memory *memory, struct memory_range *ranges, size_t cnt)
{
	(void)memory;
	if (ranges[0].address == world.changes_at) {
		world.changes_at = 0;
		world.change();
	}
	return memory__read_ranges(&world.own.memory, ranges, cnt);
}

/* The main interpreter and an old one are there, another one has ended. */
static uint64_t count_ended(const volatile void *changes_at, void (*change)(void))
{
	struct python python = python_of(&world.registry);

	live_memory__init(&world.own, getpid());
	world.memory.read_ranges = read_world;
	world.main = (struct interpreter){};
	world.old = (struct interpreter){.next = address_of(&world.main)};
	world.registry = (struct registry){address_of(&world.old), address_of(&world.main), 3};
	world.changes_at = address_of(changes_at);
	world.change = change;
	return python__ended_interpreters(&python, &world.memory);
}

static void create_another(void)
{
	world.newer.next = world.registry.head;
	world.registry.head = address_of(&world.newer);
	world.registry.next_id++;
}

static void free_old(void)
{
	world.registry.head = address_of(&world.main);
	world.old.next = 8; /* something else is there now */
}

static void damage_list(void)
{
	world.main.next = address_of(&world.newer);
	world.newer.next = 0;
}

static void test_ended_interpreters(void **state)
{
	(void)state;
	assert_int_equal(count_ended(NULL, NULL), 1);
	assert_int_equal(count_ended(&world.registry, create_another), 1);
	assert_int_equal(count_ended(&world.old.next, create_another), 1);
	assert_int_equal(count_ended(&world.main.next, create_another), 1);
	assert_int_equal(count_ended(&world.registry, free_old), 2);
	assert_int_equal(count_ended(&world.old.next, free_old), 2);
	assert_int_equal(count_ended(&world.main.next, free_old), 2);
	/* Unknown. */
	assert_int_equal(count_ended(&world.old.next, damage_list), 0);
}

static int read_of_dead(const struct memory *memory, struct memory_range *ranges, size_t cnt)
{
	(void)memory;
	(void)ranges;
	(void)cnt;
	return -ESRCH;
}

static void test_interpreters_of_a_dead_process(void **state)
{
	struct memory dead = {.read_ranges = read_of_dead};
	struct python python = {.interpreters_head = 0x1000};
	uint64_t *found = NULL;
	bool is_whole = false;
	size_t cnt = 99;

	(void)state;
	assert_int_equal(python__interpreters(&python, &dead, &found, &cnt, &is_whole), -ESRCH);
	assert_null(found);
	assert_int_equal(cnt, 99);
	/* Before 3.12 this is not read. */
	python.interpreters_head = 0;
	assert_int_equal(python__interpreters(&python, &dead, &found, &cnt, &is_whole), 0);
	assert_int_equal(cnt, 0);
	assert_true(is_whole);
	account__free(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real_versions),
		cmocka_unit_test(test_near_misses),
		cmocka_unit_test(test_cut_off_at_the_end),
		cmocka_unit_test(test_longer_than_it_can_be),
		cmocka_unit_test(test_a_near_miss_does_not_hide_the_right_one),
		cmocka_unit_test(test_all_segments_are_scanned),
		cmocka_unit_test(test_buffer_that_is_too_small),
		cmocka_unit_test(test_finds_python_by_its_data),
		cmocka_unit_test(test_python_that_has_not_started_up),
		cmocka_unit_test(test_finds_module_by_its_symbol),
		cmocka_unit_test(test_what_is_no_python),
		cmocka_unit_test(test_interpreters_of_312),
		cmocka_unit_test(test_debug_offsets),
		cmocka_unit_test(test_list_of_interpreters),
		cmocka_unit_test(test_list_that_runs_in_circles),
		cmocka_unit_test(test_list_as_long_as_it_may_be),
		cmocka_unit_test(test_list_that_breaks_off),
		cmocka_unit_test(test_ended_interpreters),
		cmocka_unit_test(test_interpreters_of_a_dead_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
