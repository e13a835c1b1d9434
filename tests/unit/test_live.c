// SPDX-License-Identifier: BSD-2-Clause
/*
 * live.c and target.c on this very process and on children, compared with other interfaces of the
 * kernel and libc.
 */
#include "target/live.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define PAGE 4096UL

static char **main_argv;
static int written_variable = 1;

static struct target *open_process(pid_t pid)
{
	struct target *target = NULL;
	struct failure failure;
	int err = live__open(&target, pid, &failure);

	if (err)
		fail_msg("live__open(%d): %d: %s", pid, err, failure.text);
	return target;
}

static void assert_refused(pid_t pid, int err)
{
	struct target *target = NULL;
	struct failure failure = {};

	assert_int_equal(live__open(&target, pid, &failure), err);
	assert_null(target);
	assert_true(strlen(failure.text) > 0);
}

static uint64_t address_of(const volatile void *pointer)
{
	return (uint64_t)(uintptr_t)pointer;
}

static void test_own_identity(void **state)
{
	_cleanup_(target__freep) struct target *target = open_process(getpid());
	char exe[PATH_MAX] = "", comm[17] = "";
	size_t args = 0;

	(void)state;
	assert_int_equal(target->pid, getpid());
	assert_true(target__exit_fd(target) >= 0);
	assert_true(target__is_alive(target));
	assert_int_equal(prctl(PR_GET_NAME, comm), 0);
	assert_string_equal(target->comm, comm);
	assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	assert_string_equal(target->exe, exe);
	for (; main_argv[args]; args++)
		assert_string_equal(target->cmdline[args], main_argv[args]);
	assert_null(target->cmdline[args]);
}

/* A name may contain what elsewhere ends a name: parentheses, blanks. */
static void test_strange_name(void **state)
{
	char before[17] = "";

	(void)state;
	assert_int_equal(prctl(PR_GET_NAME, before), 0);
	assert_int_equal(prctl(PR_SET_NAME, "a) Z (b"), 0);
	{
		_cleanup_(target__freep) struct target *target = open_process(getpid());

		assert_string_equal(target->comm, "a) Z (b");
	}
	assert_int_equal(prctl(PR_SET_NAME, before), 0);
}

static void test_cgroup(void **state)
{
	_cleanup_(target__freep) struct target *target = open_process(getpid());
	_cleanup_fclose_ FILE *file = fopen("/proc/self/cgroup", "r");
	char line[PATH_MAX] = "", path[PATH_MAX] = "";

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, "0::", 3))
			snprintf(path, sizeof(path), "%.*s", (int)strcspn(line + 3, "\n"),
				 line + 3);
	assert_string_equal(target->cgroup, path);
}

/*
 * In the kernel's format (fs/proc/task_mmu.c, show_vma_header_prefix), the mapping is a line of the
 * file.
 */
static void assert_is_line_of_maps(const struct mapping *mapping)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/maps", "r");
	char wanted[256], line[PATH_MAX + 256];

	snprintf(wanted, sizeof(wanted), "%lx-%lx %c%c%cp %08lx %02x:%02x %lu ", mapping->start,
		 mapping->end, mapping->readable ? 'r' : '-', mapping->writable ? 'w' : '-',
		 mapping->executable ? 'x' : '-', mapping->offset, mapping->dev_major,
		 mapping->dev_minor, mapping->inode);
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, wanted, strlen(wanted)))
			return;
	fail_msg("no such line: %s", wanted);
}

static void test_map_of_code_and_data(void **state)
{
	_cleanup_(target__freep) struct target *target = open_process(getpid());
	const struct mapping *code, *data, *stack;
	int local;

	(void)state;
	code = target__find_mapping(target, address_of((void *)test_map_of_code_and_data));
	assert_non_null(code);
	assert_true(code->readable && code->executable && !code->writable);
	assert_string_equal(code->path, target->exe);
	assert_false(code->deleted);
	assert_is_line_of_maps(code);

	data = target__find_mapping(target, address_of(&written_variable));
	assert_non_null(data);
	assert_true(data->readable && data->writable && !data->executable);

	stack = target__find_mapping(target, address_of(&local));
	assert_non_null(stack);
	assert_true(stack->writable);
	assert_int_equal(stack->inode, 0);
}

static void test_maps_are_in_order(void **state)
{
	_cleanup_(target__freep) struct target *target = open_process(getpid());

	(void)state;
	assert_true(target->map_cnt > 3);
	for (size_t i = 0; i < target->map_cnt; i++) {
		const struct mapping *mapping = &target->maps[i];

		assert_true(mapping->start < mapping->end);
		assert_true(i == 0 || target->maps[i - 1].end <= mapping->start);
		assert_non_null(mapping->path);
		assert_ptr_equal(target__find_mapping(target, mapping->start), mapping);
		assert_ptr_equal(target__find_mapping(target, mapping->end - 1), mapping);
	}
	assert_null(target__find_mapping(target, 0));
	assert_null(target__find_mapping(target, UINT64_MAX));
	assert_null(target__find_mapping(target, target->maps[0].start - 1));
}

/*
 * Three pages with permissions of their own, so that the kernel cannot merge them with their
 * neighbours.
 */
static void test_a_hole_and_its_edges(void **state)
{
	_cleanup_(target__freep) struct target *target = NULL;
	const struct mapping *mapping;
	struct failure failure;
	uint64_t start;
	void *pages;

	(void)state;
	pages = mmap(NULL, 5 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(pages, MAP_FAILED);
	start = address_of(pages);
	assert_int_equal(mprotect((char *)pages + PAGE, PAGE, PROT_READ), 0);
	assert_int_equal(munmap((char *)pages + 2 * PAGE, PAGE), 0);
	assert_int_equal(mprotect((char *)pages + 3 * PAGE, PAGE, PROT_READ | PROT_WRITE), 0);

	target = open_process(getpid());
	mapping = target__find_mapping(target, start + PAGE);
	assert_non_null(mapping);
	assert_int_equal(mapping->start, start + PAGE);
	assert_int_equal(mapping->end, start + 2 * PAGE);
	assert_true(mapping->readable && !mapping->writable && !mapping->executable);
	assert_string_equal(mapping->path, "");
	assert_int_equal(mapping->inode, 0);
	assert_ptr_equal(target__find_mapping(target, start + 2 * PAGE - 1), mapping);
	assert_null(target__find_mapping(target, start + 2 * PAGE));
	assert_null(target__find_mapping(target, start + 3 * PAGE - 1));
	mapping = target__find_mapping(target, start + 3 * PAGE);
	assert_non_null(mapping);
	assert_true(mapping->readable && mapping->writable);
	mapping = target__find_mapping(target, start + 4 * PAGE);
	assert_non_null(mapping);
	assert_false(mapping->readable || mapping->writable || mapping->executable);

	/* Maps do not change until they are read again. */
	assert_int_equal(munmap(pages, 5 * PAGE), 0);
	assert_non_null(target__find_mapping(target, start + PAGE));
	assert_int_equal(target__reload_maps(target, &failure), 0);
	mapping = target__find_mapping(target, start + PAGE);
	assert_true(!mapping || mapping->start != start + PAGE);
}

/* A shell that prints when it runs, and then waits to be killed. */
#define SHELL_SCRIPT "echo; read x"

static void test_child_identity(void **state)
{
	char *const argv[] = {"sh", "-c", SHELL_SCRIPT, "", "a b", "\033[31m\xff\n", "", NULL};
	char *const envp[] = {"A=1", "AB=2", "EMPTY=", "EQUAL=a=b", "BYTES=\xff\n\033", NULL};
	_cleanup_(target__freep) struct target *target = NULL;
	_cleanup_free_ char *exe = realpath("/bin/sh", NULL);
	struct child child;
	char *value;

	(void)state;
	child__exec(&child, "/bin/sh", argv, envp);
	child__wait_until_ready(&child);
	target = open_process(child.pid);
	assert_string_equal(target->comm, "sh");
	assert_string_equal(target->exe, exe);
	for (size_t i = 0; i < ARRAY_SIZE(argv) - 1; i++)
		assert_string_equal(target->cmdline[i], argv[i]);
	assert_null(target->cmdline[ARRAY_SIZE(argv) - 1]);

	for (size_t i = 0; i < ARRAY_SIZE(envp) - 1; i++) {
		char name[16] = "";

		memcpy(name, envp[i], strcspn(envp[i], "="));
		value = target__environment(target, name);
		assert_non_null(value);
		assert_string_equal(value, strchr(envp[i], '=') + 1);
		free(value);
	}
	assert_null(target__environment(target, "EQ"));
	assert_null(target__environment(target, "B"));
	assert_null(target__environment(target, "ABC"));
	assert_null(target__environment(target, "PATH"));
	child__kill(&child);
}

static void test_child_without_arguments_and_environment(void **state)
{
	char *const argv[] = {"sh", "-c", SHELL_SCRIPT, NULL};
	char *const envp[] = {NULL};
	_cleanup_(target__freep) struct target *target = NULL;
	struct child child;

	(void)state;
	child__exec(&child, "/bin/sh", argv, envp);
	child__wait_until_ready(&child);
	target = open_process(child.pid);
	assert_null(target__environment(target, "A"));
	assert_null(target__environment(target, ""));
	child__kill(&child);
}

static void test_end_of_a_process(void **state)
{
	char *const argv[] = {"sh", "-c", SHELL_SCRIPT, NULL};
	char *const envp[] = {NULL};
	_cleanup_(target__freep) struct target *target = NULL;
	struct failure failure = {};
	const struct mapping *maps;
	struct child child;
	siginfo_t info;

	(void)state;
	child__exec(&child, "/bin/sh", argv, envp);
	child__wait_until_ready(&child);
	target = open_process(child.pid);
	assert_true(target__is_alive(target));

	/* A zombie: it has exited and was not waited for. */
	assert_int_equal(kill(child.pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)child.pid, &info, WEXITED | WNOWAIT), 0);
	assert_false(target__is_alive(target));
	assert_refused(child.pid, -ESRCH);

	child__reap(&child);
	assert_false(target__is_alive(target));
	assert_refused(child.pid, -ESRCH);

	/* The data known about it stays. */
	maps = target->maps;
	assert_true(target->map_cnt > 0);
	assert_true(target__reload_maps(target, &failure) < 0);
	assert_true(strlen(failure.text) > 0);
	assert_ptr_equal(target->maps, maps);
	assert_true(target->map_cnt > 0);
}

static void test_no_such_process(void **state)
{
	(void)state;
	/* Above what the kernel ever gives (PID_MAX_LIMIT is 2^22), and below. */
	assert_refused(INT_MAX, -ESRCH);
	assert_refused(0, -ESRCH);
	assert_refused(-1, -ESRCH);
}

struct waiting_thread {
	pthread_barrier_t barrier; /* passed when it runs, and when it may exit */
	pid_t id;
};

static void *wait_in_thread(void *argument)
{
	struct waiting_thread *thread = argument;

	thread->id = (pid_t)syscall(SYS_gettid);
	pthread_barrier_wait(&thread->barrier);
	pthread_barrier_wait(&thread->barrier);
	return NULL;
}

static void test_a_thread_is_no_process(void **state)
{
	struct target *target = NULL;
	struct waiting_thread thread;
	struct failure failure = {};
	char wanted[32];
	pthread_t handle;
	int err;

	(void)state;
	assert_int_equal(pthread_barrier_init(&thread.barrier, NULL, 2), 0);
	assert_int_equal(pthread_create(&handle, NULL, wait_in_thread, &thread), 0);
	pthread_barrier_wait(&thread.barrier);
	err = live__open(&target, thread.id, &failure);
	pthread_barrier_wait(&thread.barrier);
	assert_int_equal(pthread_join(handle, NULL), 0);
	pthread_barrier_destroy(&thread.barrier);

	assert_int_equal(err, -EINVAL);
	assert_null(target);
	/* The message says which process to use instead. */
	snprintf(wanted, sizeof(wanted), "%d", getpid());
	assert_non_null(strstr(failure.text, wanted));
}

/* Exits with 1 - the error of opening @argument, a process of root. */
static int open_as_nobody(void *argument)
{
	struct target *target = NULL;
	struct failure failure = {};
	int err;

	if (child__drop_rights())
		return 100;
	err = live__open(&target, *(pid_t *)argument, &failure);
	return err && !target && *failure.text ? -err : 0;
}

static void test_not_allowed(void **state)
{
	pid_t own = getpid();

	(void)state;
	child__skip_unless_root("becoming another user");
	assert_int_equal(child__run(open_as_nobody, &own), EACCES);
}

static void test_kernel_thread(void **state)
{
	_cleanup_(target__freep) struct target *target = NULL;
	_cleanup_fclose_ FILE *file = fopen("/proc/2/comm", "r");
	char comm[32] = "";

	(void)state;
	if (!file || !fgets(comm, sizeof(comm), file) || strcmp(comm, "kthreadd\n") != 0) {
		print_message("skipped: no kernel threads in this pid namespace\n");
		skip();
	}
	target = open_process(2);
	assert_string_equal(target->comm, "kthreadd");
	assert_null(target->cmdline[0]);
	assert_string_equal(target->exe, "");
	assert_int_equal(target->map_cnt, 0);
	assert_null(target__find_mapping(target, 4096));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_identity),
		cmocka_unit_test(test_strange_name),
		cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_map_of_code_and_data),
		cmocka_unit_test(test_maps_are_in_order),
		cmocka_unit_test(test_a_hole_and_its_edges),
		cmocka_unit_test(test_child_identity),
		cmocka_unit_test(test_child_without_arguments_and_environment),
		cmocka_unit_test(test_end_of_a_process),
		cmocka_unit_test(test_no_such_process),
		cmocka_unit_test(test_a_thread_is_no_process),
		cmocka_unit_test(test_not_allowed),
		cmocka_unit_test(test_kernel_thread),
	};

	(void)argc;
	main_argv = argv;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
