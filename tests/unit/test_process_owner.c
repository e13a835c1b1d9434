// SPDX-License-Identifier: BSD-2-Clause
#include "target/process_owner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "target/cgroup_path.h"
#include "unit_test.h"

#define ID_A "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID_B "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define POD  "kubepods-burstable-pod11111111_2222_3333_4444_555555555555.slice"

/* Checks the part of the path that names the outermost group, and whether that is a container. */
static void check_outermost(const char *path, const char *expected, bool expected_container)
{
	bool is_container;
	size_t length = cgroup_path__outermost(path, &is_container);

	assert_int_equal(length, strlen(expected));
	assert_memory_equal(path, expected, length);
	assert_int_equal(is_container, expected_container);
}

static void test_containers(void **state)
{
	(void)state;
	check_outermost("/docker/" ID_A, "/docker/" ID_A, true);
	check_outermost("/docker/" ID_A "/" ID_B "\n0::/x", "/docker/" ID_A, true);
	check_outermost("/system.slice/docker-" ID_A ".scope/init.scope",
			"/system.slice/docker-" ID_A ".scope", true);
	check_outermost("/kubepods.slice/kubepods-burstable.slice/" POD "/cri-containerd-" ID_A
			".scope",
			"/kubepods.slice/kubepods-burstable.slice/" POD, true);
	check_outermost("/kubepods/besteffort/pod11111111-2222-3333-4444-555555555555/" ID_A,
			"/kubepods/besteffort/pod11111111-2222-3333-4444-555555555555", true);
	check_outermost("/machine.slice/machine-web.scope/system.slice/a.service",
			"/machine.slice/machine-web.scope", true);
	check_outermost("/lxc.payload.web/system.slice/a.service", "/lxc.payload.web", true);
}

static void test_units(void **state)
{
	(void)state;
	check_outermost("/", "/", false);
	check_outermost("", "", false);
	check_outermost("/init.scope", "/init.scope", false);
	check_outermost("/system.slice/a.service/b/c", "/system.slice/a.service", false);
	check_outermost("/system.slice", "/system.slice", false);
	check_outermost("/any/thing", "/any", false);
	/* Names that a user or a service gives to its own groups do not change the owner. */
	check_outermost("/user.slice/user-1000.slice/docker-" ID_A ".scope",
			"/user.slice/user-1000.slice/docker-" ID_A ".scope", false);
	check_outermost("/system.slice/a.service/docker/" ID_A, "/system.slice/a.service", false);
}

static process_owner of(const char *path, uid_t uid)
{
	char text[512];

	snprintf(text, sizeof(text), "1:name=systemd:/\n0::%s\n", path);
	return process_owner__decide(text, uid, true);
}

static void test_users(void **state)
{
	(void)state;
	assert_int_equal(of("/system.slice/a.service", 1000), 1000);
	assert_int_equal(of("/user.slice/user-1000.slice/docker-" ID_A ".scope", 1000), 1000);
	assert_int_equal(of("/", 1000), 1000);
	assert_int_equal(process_owner__decide("", 1000, false), 1000);
	assert_false(process_owner__is_trusted(1000) || process_owner__is_trusted(0));
}

/* A container is one owner, whoever its processes belong to, and differs from all others. */
static void test_owners_of_containers(void **state)
{
	process_owner a = of("/docker/" ID_A, 0), b = of("/docker/" ID_B, 0);

	(void)state;
	assert_true(a != b && a & OWNER_IS_GROUP && b & OWNER_IS_GROUP);
	assert_true(of("/docker/" ID_A "/below", 0) == a && of("/docker/" ID_A, 1000) == a);
	assert_true(of("/docker/" ID_B, 1000) == b);
	assert_false(process_owner__is_trusted(a));
	/* Version 1 has a line for each controller, and the line of version 2 may be empty. */
	assert_true(process_owner__decide("9:memory:/docker/" ID_A "\n0::/\n", 0, true) == a);
}

static void test_root(void **state)
{
	process_owner one = of("/system.slice/a.service", 0),
		      other = of("/system.slice/b.service", 0);

	(void)state;
	assert_true(one != other && one & OWNER_IS_GROUP);
	assert_true(of("/system.slice/a.service/below", 0) == one);
	assert_true(process_owner__is_trusted(one) && process_owner__is_trusted(of("/", 0)));
	/* In a PID namespace of its own it may be in a container of an unknown engine. */
	assert_false(process_owner__is_trusted(
		process_owner__decide("0::/system.slice/a.service\n", 0, false)));
	assert_false(process_owner__is_trusted(process_owner__decide("", 0, false)));
}

static void test_malformed_texts(void **state)
{
	(void)state;
	assert_int_equal(process_owner__decide("\n", 7, true), 7);
	assert_int_equal(process_owner__decide("0", 7, true), 7);
	assert_int_equal(process_owner__decide("0:", 7, true), 7);
	assert_int_equal(process_owner__decide("0::", 7, true), 7);
	assert_int_equal(process_owner__decide("::\n::\n::", 7, true), 7);
}

static void test_this_process(void **state)
{
	process_owner owner = process_owner__of(getpid(), getuid(), true), same;

	(void)state;
	assert_true(owner == getuid() || owner & OWNER_IS_GROUP);
	assert_int_equal(process_owner__of_now(&same, getpid(), getuid(), true), 0);
	assert_true(owner == same);
	/* A process that does not exist. */
	assert_int_equal(process_owner__of(0x7fffffff, 7, true), 7);
}

/* An owner that cannot be determined at once stands for all users of a range. */
static void test_one_whose_namespace_is_not_known(void **state)
{
	process_owner first, last, other;

	(void)state;
	assert_int_equal(process_owner__of_now(&first, 0x7fffffff, 7, true), -EAGAIN);
	assert_int_equal(first, 7);
	assert_int_equal(process_owner__of_now(&first, 0x7fffffff, 0x30000, true), -EAGAIN);
	assert_int_equal(process_owner__of_now(&last, 0x7fffffff, 0x3ffff, true), -EAGAIN);
	assert_int_equal(process_owner__of_now(&other, 0x7fffffff, 0x40000, true), -EAGAIN);
	assert_true(first == last && first != other);
	assert_false(process_owner__is_trusted(first));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_containers),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_owners_of_containers),
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_malformed_texts),
		cmocka_unit_test(test_this_process),
		cmocka_unit_test(test_one_whose_namespace_is_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
