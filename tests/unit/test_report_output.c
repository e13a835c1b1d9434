// SPDX-License-Identifier: BSD-2-Clause
/*
 * Outputs: a writer that is in no table gets its reports from begin to end, and the rows of the
 * table are consistent.
 */
#include "output/report_output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hello_writer.h"
#include "output/report_writers.h"
#include "sample_report.h"
#include "unit_test.h"
#include "util/cleanup.h"

struct fixture {
	char directory[32], path[64];
	struct sample_report sample;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	strcpy(fixture->directory, "/tmp/pyfrag-test-XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	snprintf(fixture->path, sizeof(fixture->path), "%s/out", fixture->directory);
	sample_report__init(&fixture->sample, false);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	sample_report__release(&fixture->sample);
	unlink(fixture->path);
	/* This also checks that no temporary file is left. */
	assert_int_equal(rmdir(fixture->directory), 0);
	free(fixture);
	return 0;
}

static void check_file(const char *path, const char *wanted)
{
	char text[256] = "";
	_cleanup_close_ int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	assert_string_equal(text, wanted);
}

static void test_new_writer(void **state)
{
	_cleanup_(report_output__release) struct report_output output = {};
	const struct fixture *fixture = *state;
	const struct output_options options = {.path = fixture->path};
	struct failure failure;

	assert_int_equal(report_output__open(&output, &report_writer_hello, &options, &failure), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(report_output__write(&output, &fixture->sample.report, &failure),
				 0);
	assert_int_equal(access(fixture->path, F_OK), -1);
	assert_int_equal(report_output__end(&output, &failure), 0);
	check_file(fixture->path, "hello python3\nhello python3\n2 times\n");
}

/* If no report was written, there is none to complete. */
static void test_no_report(void **state)
{
	_cleanup_(report_output__release) struct report_output output = {};
	const struct fixture *fixture = *state;
	const struct output_options options = {.path = fixture->path};
	struct failure failure;

	assert_int_equal(report_output__open(&output, &report_writer_hello, &options, &failure), 0);
	assert_int_equal(report_output__end(&output, &failure), 0);
	assert_int_equal(access(fixture->path, F_OK), -1);
}

/* Errors name the output and the file. */
static void test_full_disk(void **state)
{
	struct report_output output = {.writer = &report_writer_json};
	const struct fixture *fixture = *state;
	struct failure failure;

	output.stream = fopen("/dev/full", "w");
	assert_non_null(output.stream);
	assert_int_equal(report_output__write(&output, &fixture->sample.report, &failure), -ENOSPC);
	assert_string_equal(failure.text,
			    "cannot write the report to stdout: No space left on device");
	fclose(output.stream);
}

/* A reader that has exited has what it wanted: no message is printed. */
static void test_reader_gone(void **state)
{
	struct report_output output = {.writer = &report_writer_text};
	const struct fixture *fixture = *state;
	struct failure failure;
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	output.stream = fdopen(fds[1], "w");
	assert_true(report_output__write(&output, &fixture->sample.report, &failure) < 0);
	assert_string_equal(failure.text, "");
	fclose(output.stream);
}

static void test_table(void **state)
{
	const struct report_writer *writer, *other;

	(void)state;
	assert_ptr_equal(report_writers__at(0), &report_writer_text);
	for (size_t i = 0; (writer = report_writers__at(i)); i++) {
		assert_true(writer->name && writer->summary && writer->noun && writer->write);
		/* An output other than stdout has to be opened. */
		assert_true(!writer->at_end || writer->begin);
		for (size_t j = 0; (other = report_writers__at(j)); j++)
			assert_true(i == j || strcmp(writer->name, other->name) != 0);
	}
	assert_string_equal(report_writers__at_end().text, "collapsed, pprof or database");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_new_writer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_report, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full_disk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reader_gone, set_up, tear_down),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
