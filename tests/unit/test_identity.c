// SPDX-License-Identifier: BSD-2-Clause
#include "target/identity.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "target/cgroup_label.h"
#include "target/live.h"
#include "unit_test.h"
#include "util/cleanup.h"

static void check_app(const char *expected, const char *const *words)
{
	_cleanup_free_ char *app = identity__app((char *const *)words, "comm");

	assert_string_equal(app, expected);
}

#define CHECK_APP(expected, ...) check_app(expected, (const char *const[]){__VA_ARGS__, NULL})

static void test_apps(void **state)
{
	(void)state;
	CHECK_APP("comm", NULL);
	CHECK_APP("app.py", "/usr/bin/python3", "/srv/app.py", "--port", "80");
	CHECK_APP("app.py", "python3", "-u", "-W", "error", "-X", "dev", "app.py");
	CHECK_APP("gunicorn", "/usr/bin/python3", "/usr/bin/gunicorn", "app:main");
	CHECK_APP("http.server", "python3.11", "-m", "http.server");
	CHECK_APP("http.server", "python3.11", "-um", "http.server");
	CHECK_APP("-c", "python3", "-c", "import this");
	CHECK_APP("python3", "/usr/bin/python3");
	CHECK_APP("python3", "/usr/bin/python3", "-m");
	CHECK_APP("-", "python3", "-");
	CHECK_APP("uwsgi", "/usr/bin/uwsgi", "--http", ":80");
	CHECK_APP("gunicorn: worker [app]", "gunicorn: worker [app]");
	/* Titles that are copies of command lines with additions. */
	CHECK_APP("[celeryd:",
		  "[celeryd: celery@host:MainProcess] -active- (worker --broker=amqp://u:p@h)");
	CHECK_APP("worker", "worker --password hunter2");
	CHECK_APP("worker", "/usr/bin/worker password=hunter2");
	CHECK_APP("worker one", "worker one redis://:hunter2@host");
	CHECK_APP("worker", "worker ");
	CHECK_APP("", "");
}

static void check_label(const char *expected, const char *path)
{
	_cleanup_free_ char *label = cgroup_label__of(path);

	assert_string_equal(label, expected);
}

static void test_labels(void **state)
{
	static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	char path[200];

	(void)state;
	check_label("", "");
	check_label("", "/");
	check_label("", "/user.slice/user-0.slice");
	check_label("app.service", "/system.slice/app.service");
	check_label("app.service", "/system.slice/app.service/workers");
	check_label("session-3.scope", "/user.slice/user-0.slice/session-3.scope");
	snprintf(path, sizeof(path), "/system.slice/docker-%s.scope", id);
	check_label("0123456789ab", path);
	snprintf(path, sizeof(path), "/kubepods.slice/kubepods-pod1.slice/cri-containerd-%s.scope",
		 id);
	check_label("0123456789ab", path);
	snprintf(path, sizeof(path), "/docker/%s0", id);
	check_label("", path);
}

static void test_pods(void **state)
{
	static const char
		uid[] = "pod0a1b2c3d-4e5f-6789-abcd-ef0123456789",
		container[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	char path[512];

	(void)state;
	/* kubelet with systemd, and with cgroupfs. */
	snprintf(path, sizeof(path),
		 "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-"
		 "pod0a1b2c3d_4e5f_6789_abcd_ef0123456789.slice/cri-containerd-%s.scope",
		 container);
	check_label(uid, path);
	snprintf(path, sizeof(path), "/kubepods/besteffort/%s/%s", uid, container);
	check_label(uid, path);
	snprintf(path, sizeof(path), "/podman/libpod-%s.scope", container);
	check_label("0123456789ab", path);
}

/* A process chooses its own name. */
static void test_long_labels(void **state)
{
	char word[3000], cgroup[600] = "/";
	char *cmdline[] = {"/usr/bin/python3", word, NULL};
	struct target target = {.ops = &live_ops,
				.pid = getpid(),
				.comm = "c",
				.cmdline = cmdline,
				.cgroup = cgroup};
	struct identity identity;

	(void)state;
	/* U+20AC has three bytes: at most 84 of them fit in, and "...". */
	for (size_t i = 0; i + 1 < sizeof(word); i++)
		word[i] = "\xe2\x82\xac"[i % 3];
	word[sizeof(word) - 1] = '\0';
	memset(cgroup + 1, 'u', sizeof(cgroup) - 10);
	strcat(cgroup, ".scope");
	assert_int_equal(identity__find(&identity, &target), 0);
	assert_int_equal(strlen(identity.app), 84 * 3 + 3);
	assert_memory_equal(identity.app, word, 84 * 3);
	assert_string_equal(identity.app + 84 * 3, "...");
	assert_int_equal(strlen(identity.unit), IDENTITY_LABEL_BYTES_MAX);
	assert_string_equal(identity.unit + IDENTITY_LABEL_BYTES_MAX - 4, "u...");
	identity__release(&identity);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_apps),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_pods),
		cmocka_unit_test(test_long_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
