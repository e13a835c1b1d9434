// SPDX-License-Identifier: BSD-2-Clause
#include "target/namespace_owner.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit_test.h"

#define NOBODY 65534
/* The user that the process claims to be. */
#define UID 4711

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool is_written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return is_written;
}

/*
 * As user and group 1 of a new namespace: only a user known in a namespace can make another one in
 * it.
 */
static bool enter_namespace(void)
{
	char users[32], groups[32];

	snprintf(users, sizeof(users), "1 %u 1", getuid());
	snprintf(groups, sizeof(groups), "1 %u 1", getgid());
	return !unshare(CLONE_NEWUSER) && write_file("/proc/self/setgroups", "deny") &&
	       write_file("/proc/self/uid_map", users) && write_file("/proc/self/gid_map", groups);
}

/* A process of @owner's, @levels user namespaces below this one; 0 if they cannot be made here. */
static pid_t start(uid_t owner, int levels)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		bool is_made = owner == getuid() ||
			       (!setresgid(owner, owner, owner) && !setresuid(owner, owner, owner));

		/* Otherwise /proc/self would belong to root. */
		prctl(PR_SET_DUMPABLE, 1);

		for (int i = 0; i < levels && is_made; i++)
			is_made = enter_namespace();
		if (!is_made || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1) {
		waitpid(pid, NULL, 0);
		pid = 0;
	}
	close(ready[0]);
	return pid;
}

static void check(uid_t owner, int levels, uid_t expected)
{
	pid_t pid = start(owner, levels);

	if (!pid) {
		print_message("skipped: no user namespaces here\n");
		skip();
	}
	assert_int_equal(namespace_owner__of(pid, UID), expected);
	assert_int_equal(namespace_owner__is_ours(pid), levels == 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static uid_t unprivileged(void)
{
	return getuid() ? getuid() : NOBODY;
}

static void test_without_a_namespace(void **state)
{
	(void)state;
	check(unprivileged(), 0, UID);
	assert_int_equal(namespace_owner__of(0x7fffffff, UID), UID);
	assert_false(namespace_owner__is_ours(0x7fffffff));
}

static void test_who_made_it(void **state)
{
	(void)state;
	check(unprivileged(), 1, unprivileged());
}

/* Inside, another user makes the next namespace. */
static void test_who_made_the_outermost(void **state)
{
	(void)state;
	check(unprivileged(), 3, unprivileged());
}

static void test_users_of_containers_of_root(void **state)
{
	(void)state;
	if (getuid()) {
		print_message("skipped: needs root\n");
		skip();
	}
	check(0, 1, UID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_a_namespace),
		cmocka_unit_test(test_who_made_it),
		cmocka_unit_test(test_who_made_the_outermost),
		cmocka_unit_test(test_users_of_containers_of_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
