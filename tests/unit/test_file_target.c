// SPDX-License-Identifier: BSD-2-Clause
/*
 * The memory of a real Python is copied to a file, and the Python is killed. Its heap and its
 * objects are then read from the file exactly as from the process. What a file cannot contain is
 * unknown.
 */
#include "file_target.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analysis/findings.h"
#include "analysis/memory_use.h"
#include "census/source_census.h"
#include "child.h"
#include "snapshot/heap_snapshot.h"
#include "source/allocators.h"
#include "source/heap_source.h"
#include "target/live.h"
#include "target/sleep_watch.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define PYTHON "/usr/bin/python3"
/* Makes a heap with holes, then waits. */
#define SCRIPT                                                                                     \
	"import os\n"                                                                              \
	"kept = [(i, str(i) * 5, {i: [i]}) for i in range(20000)]\n"                               \
	"del kept[::3]\n"                                                                          \
	"os.write(1, b'x')\n"                                                                      \
	"os.read(0, 1)\n"

struct read_heap {
	struct heap_source *source;
	struct heap_reading reading;
	struct heap_measure measure;
	struct census *census;
	struct census_rows types;
};

static void read_heap__release(struct read_heap *heap)
{
	census_rows__release(&heap->types);
	census__free(heap->census);
	heap_measure__free(&heap->measure);
	heap__free(heap->reading.heap);
	heap_source__free(heap->source);
}

/* The same for any target; takes it over. */
static void read_from(struct read_heap *out, struct target *target)
{
	const struct heap_reading_options options = {};
	struct counters counters = {};
	struct failure failure = {};
	int err = heap_source__open(&out->source, allocators, target, UINT64_MAX, NULL, &failure);

	if (!err)
		err = heap_source__read(out->source, &options, &out->reading, &counters, &failure);
	if (!err)
		err = source_census__take(&out->census, out->source, out->reading.heap, &failure);
	if (err)
		fail_msg("%d: %s", err, failure.text);
	assert_int_equal(heap__measure(out->reading.heap, &out->measure), 0);
	assert_int_equal(census__count(out->census, BY_TYPE, NULL, &out->types), 0);
}

/* Reads a Python's heap, and records the process, which is then killed. */
static void record_python(struct read_heap *out, int fd)
{
	char *const argv[] = {"python3", "-c", SCRIPT, NULL}, *const envp[] = {NULL};
	struct target *target = NULL;
	struct failure failure = {};
	struct child child;

	child__exec(&child, PYTHON, argv, envp);
	child__wait_until_ready(&child);
	if (live__open(&target, child.pid, &failure))
		fail_msg("%s", failure.text);
	assert_int_equal(target__pause(target, &failure), 0);
	read_from(out, target);
	assert_int_equal(file_target__record(target, fd), 0);
	target__resume(target);
	child__kill(&child);
	assert_false(target__is_alive(target));
}

static void assert_same_heap(const struct read_heap *live, const struct read_heap *recorded)
{
	assert_string_equal(heap_source__main(recorded->source)->name,
			    heap_source__main(live->source)->name);
	assert_string_equal(recorded->source->python->version, live->source->python->version);
	assert_memory_equal(&recorded->measure.totals, &live->measure.totals,
			    sizeof(live->measure.totals));
	assert_true(live->measure.totals.live_blocks > 20000);
	assert_int_equal(recorded->reading.heap->region_cnt, live->reading.heap->region_cnt);
	for (size_t i = 0; i < live->reading.heap->region_cnt; i++)
		assert_int_equal(recorded->measure.regions[i].address,
				 live->measure.regions[i].address);
	assert_int_equal(recorded->types.cnt, live->types.cnt);
	assert_true(live->types.cnt > 20);
	for (size_t i = 0; i < live->types.cnt; i++)
		assert_int_equal(recorded->types.rows[i].blocks, live->types.rows[i].blocks);
}

static void assert_rest_is_unknown(struct read_heap *recorded)
{
	_cleanup_(pinned_history__free) struct pinned_history history = {};
	_cleanup_(memory_use__release) struct memory_use use = {};
	_cleanup_(findings__free) struct findings findings = {};
	const struct findings_options options = {.below = 0.1};
	struct target *target = recorded->source->target;
	struct sleep_watch watch = {};
	struct counters counters = {};
	struct target_activity activity;
	struct failure failure;
	const struct malloc_areas none = {};
	const struct memory_use_of of = {.target = target,
					 .heap = recorded->reading.heap,
					 .malloc = &none};
	uint64_t ns;
	uid_t user;

	assert_int_equal(findings__collect(&findings, recorded->reading.heap, target, &options,
					   &history, 1, &counters),
			 0);
	assert_true(findings.resident_bytes == RESIDENT_UNKNOWN);
	assert_int_equal(memory_use__find(&use, &of), -ENODATA);
	assert_int_equal(target__cpu_ns(target, &ns), -ENODATA);
	assert_int_equal(target__activity(target, &activity), -ENODATA);
	assert_int_equal(target__user(target, &user), -ENODATA);
	assert_int_equal(target__exit_fd(target), -ENODATA);
	assert_null(target__environment(target, "PATH"));
	for (int i = 0; i < 2; i++)
		assert_false(sleep_watch__has_slept(&watch, target));
	/* A file neither runs nor ends. */
	assert_true(target__is_alive(target));
	assert_int_equal(target__pause(target, &failure), 0);
	assert_int_equal(target__resume(target), 0);
	assert_int_equal(target__settle(target), 0);
}

static json_t *read_report(const struct report *report)
{
	_cleanup_free_ char *text = NULL;
	json_t *root;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(report__write_json(report, out), 0);
	assert_int_equal(fclose(out), 0);
	root = json_loads(text, 0, NULL);
	assert_non_null(root);
	return root;
}

/* A snapshot is of any target; what is unknown is null in its report. */
static void assert_snapshot(const struct read_heap *live, struct target *target)
{
	_cleanup_(heap_snapshot__release) struct heap_snapshot snapshot = {};
	const struct snapshot_options options = {.findings = {.below = 0.1},
						 .reading = {.max_memory_bytes = UINT64_MAX}};
	struct failure failure = {};
	json_t *root, *heap;

	if (heap_snapshot__take(&snapshot, target, &options, &failure))
		fail_msg("%s", failure.text);
	root = read_report(&snapshot.report);
	heap = json_object_get(root, "heap");
	assert_int_equal(json_integer_value(json_object_get(heap, "live_blocks")),
			 live->measure.totals.live_blocks);
	assert_true(json_is_null(json_object_get(heap, "resident_bytes")));
	assert_null(json_object_get(root, "memory"));
	json_decref(root);
}

static void test_a_recording_is_as_the_process(void **state)
{
	_cleanup_(read_heap__release) struct read_heap live = {}, recorded = {};
	_cleanup_close_ int fd = memfd_create("recording", MFD_CLOEXEC);
	struct target *target = NULL;
	struct failure failure = {};

	(void)state;
	if (access(PYTHON, X_OK)) {
		print_message("skipped: there is no %s\n", PYTHON);
		skip();
	}
	assert_true(fd >= 0);
	record_python(&live, fd);
	if (file_target__open(&target, fd, &failure))
		fail_msg("%s", failure.text);
	read_from(&recorded, target);
	assert_same_heap(&live, &recorded);
	assert_rest_is_unknown(&recorded);
	if (file_target__open(&target, fd, &failure))
		fail_msg("%s", failure.text);
	assert_snapshot(&live, target);
}

static void test_what_is_no_recording(void **state)
{
	_cleanup_close_ int fd = memfd_create("other", MFD_CLOEXEC);
	struct target *target = NULL;
	struct failure failure = {};

	(void)state;
	assert_int_equal(dprintf(fd, "no maps\n\n"), 9);
	assert_true(file_target__open(&target, fd, &failure) < 0);
	assert_null(target);
	assert_true(*failure.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_recording_is_as_the_process),
		cmocka_unit_test(test_what_is_no_recording),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
