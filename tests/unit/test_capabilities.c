// SPDX-License-Identifier: BSD-2-Clause
/*
 * The process' capabilities, compared with /proc, and the message for a user who may not read a
 * process: with CAP_SYS_PTRACE already granted it must not advise to add it.
 */
#include "util/capabilities.h"

#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/target.h"
#include "unit_test.h"
#include "util/cleanup.h"

static unsigned long long effective(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/status", "re");
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, "CapEff:", 7))
			return strtoull(line + 7, NULL, 16);
	fail_msg("no CapEff in /proc/self/status");
	return 0;
}

static void test_as_proc_has_it(void **state)
{
	unsigned long long mask = effective();

	(void)state;
	for (unsigned int i = 0; i <= CAP_LAST_CAP; i++)
		assert_int_equal(capabilities__has(i), mask >> i & 1);
	assert_false(capabilities__has(CAP_LAST_CAP + 1));
	assert_false(capabilities__has(~0U));
}

static void test_refusal(void **state)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (!pid)
		_exit(syscall(SYS_capset, &head, none) || capabilities__has(CAP_SYS_PTRACE) ||
		      strcmp(target__refusal(), "run as root or with CAP_SYS_PTRACE") != 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	if (!(effective() >> CAP_SYS_PTRACE & 1)) {
		print_message("skipped: this process has no CAP_SYS_PTRACE\n");
		skip();
	}
	assert_non_null(strstr(target__refusal(), "denied despite CAP_SYS_PTRACE"));
	assert_null(strstr(target__refusal(), "run as root"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_proc_has_it),
		cmocka_unit_test(test_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
