// SPDX-License-Identifier: BSD-2-Clause
/*
 * Texts of a child that was started with known arguments and a known environment, longer than what
 * is read.
 */
#include "target/proc_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "unit_test.h"
#include "util/cleanup.h"

/* A shell that prints when it runs, and then waits to be killed. */
#define SHELL_SCRIPT "echo; read x"
#define LONG_BYTES   100000

static void fill(char *text, const char *start, size_t size)
{
	memset(text, 'x', size - 1);
	memcpy(text, start, strlen(start));
	text[size - 1] = '\0';
}

static void start_child(struct child *child, char *const *envp)
{
	char *long_argument = malloc(LONG_BYTES);
	char *argv[] = {"sh", "-c", SHELL_SCRIPT, long_argument, "last", NULL};

	fill(long_argument, "", LONG_BYTES);
	child__exec(child, "/bin/sh", argv, envp);
	child__wait_until_ready(child);
	free(long_argument);
}

static void test_bounds(void **state)
{
	static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 50000};
	char *const envp[] = {NULL};
	size_t whole = strlen("sh") + strlen("-c") + strlen(SHELL_SCRIPT) + strlen("last") + 4 +
		       LONG_BYTES;
	struct proc_text text;
	struct child child;

	(void)state;
	start_child(&child, envp);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_int_equal(proc_text__read(&text, child.pid, "cmdline", sizes[i]), 0);
		assert_int_equal(text.size, sizes[i]);
		assert_true(text.is_cut);
		assert_int_equal(text.bytes[text.size], '\0');
		assert_memory_equal(text.bytes, "sh\0-c",
				    sizes[i] < strlen("sh-c") + 1 ? sizes[i] : strlen("sh-c") + 1);
		proc_text__release(&text);
	}
	assert_int_equal(proc_text__read(&text, child.pid, "cmdline", whole), 0);
	assert_int_equal(text.size, whole);
	assert_false(text.is_cut);
	assert_string_equal(text.bytes + whole - sizeof("last"), "last");
	proc_text__release(&text);
	child__kill(&child);
	assert_int_equal(proc_text__read(&text, child.pid, "cmdline", 10), -ENOENT);
	assert_null(proc_text__open(child.pid, "maps"));
	assert_int_equal(errno, ENOENT);
}

static void assert_value(pid_t pid, const char *name, const char *expected)
{
	_cleanup_free_ char *value = NULL;

	assert_int_equal(proc_text__find_variable(&value, pid, name), 0);
	assert_string_equal(value, expected);
}

static void assert_no_value(pid_t pid, const char *name)
{
	char *value = NULL;

	assert_int_equal(proc_text__find_variable(&value, pid, name), -ENOENT);
	assert_null(value);
}

/* Variables begin at all offsets of the part that is read at once. */
static void test_variables(void **state)
{
	static char long_variable[LONG_BYTES], too_long[4100 + 4], longest[4095 + 5];
	char *const envp[] = {"A=1",	   "AB=2",   "EMPTY=", long_variable,
			      "BEHIND=3",  too_long, longest,  "EQUAL=a=b",
			      "=nameless", "NO",     "LAST=4", NULL};
	struct child child;

	(void)state;
	fill(long_variable, "LONG=A=5", sizeof(long_variable));
	fill(too_long, "TOO=", sizeof(too_long));
	fill(longest, "MAX=", sizeof(longest));
	start_child(&child, envp);
	assert_value(child.pid, "A", "1");
	assert_value(child.pid, "AB", "2");
	assert_value(child.pid, "EMPTY", "");
	assert_value(child.pid, "BEHIND", "3");
	assert_value(child.pid, "MAX", longest + strlen("MAX="));
	assert_value(child.pid, "EQUAL", "a=b");
	assert_value(child.pid, "LAST", "4");
	assert_no_value(child.pid, "LONG");
	assert_no_value(child.pid, "TOO");
	assert_no_value(child.pid, "NO");
	assert_no_value(child.pid, "x");
	assert_no_value(child.pid, "LAS");
	child__kill(&child);
}

static void test_lines(void **state)
{
	_cleanup_fclose_ FILE *file = proc_text__open(getpid(), "maps");
	_cleanup_fclose_ FILE *same = fopen("/proc/self/maps", "r");
	char line[4096], expected[4096];

	(void)state;
	assert_non_null(file);
	/* The first mapping is that of the executable. */
	assert_non_null(fgets(line, sizeof(line), file));
	assert_non_null(fgets(expected, sizeof(expected), same));
	assert_string_equal(line, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_variables),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
