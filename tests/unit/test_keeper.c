// SPDX-License-Identifier: BSD-2-Clause
/*
 * Requests that a keeper refuses: the peer receives the reason, and can go on. Probes themselves
 * need root, see tests/e2e/test_keeper.py.
 */
#include "probes/keeper.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "probes/keeper_message.h"
#include "unit_test.h"
#include "util/cleanup.h"

#ifdef __SANITIZE_ADDRESS__ /* which has its own malloc */
#define limit_memory NULL
#else
/* Less than KEEPER_SITES_MAX sites take, and more than the keeper needs besides. */
#define FREE_BYTES (8UL << 20)

/* Runs in the process from which keepers are forked. */
static int limit_memory(bool opens_events)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/statm", "re");
	struct rlimit limit = {.rlim_max = RLIM_INFINITY};
	uint64_t pages;

	(void)opens_events;
	if (!file || fscanf(file, "%" SCNu64, &pages) != 1)
		return -EIO;
	limit.rlim_cur = pages * 4096 + FREE_BYTES;
	return setrlimit(RLIMIT_AS, &limit) ? -errno : 0;
}
#endif

/* Returns the answer to a request to attach to @cnt sites, which follow it. */
static int ask_to_attach(const struct keeper *keeper, uint32_t cnt)
{
	const struct keeper_request request = {.verb = KEEPER_ATTACH, .site_cnt = cnt};
	size_t size = (size_t)cnt * 2 * sizeof(uint64_t);
	_cleanup_free_ char *sites = calloc(1, size + 1);
	int fds[KEEPER_FDS_MAX], answer, err;

	assert_non_null(sites);
	err = keeper_message__send(keeper__fd(keeper), &request, sizeof(request), NULL, 0);
	if (!err)
		err = keeper_message__send(keeper__fd(keeper), sites, size, NULL, 0);
	if (!err)
		err = keeper_message__receive(keeper__fd(keeper), &answer, sizeof(answer), fds);
	return err ? err : answer;
}

static void check_answer(uint32_t site_cnt, int expected)
{
	struct keeper *keeper;

	assert_int_equal(keeper__open(&keeper), 0);
	assert_int_equal(ask_to_attach(keeper, site_cnt), expected);
	/* It also reads the next request from its beginning. */
	assert_int_equal(keeper__release(keeper, 3), -EBADF);
	keeper__close(keeper);
}

static int start(void **state)
{
	struct failure failure = {};

	(void)state;
	return keeper__start(limit_memory, &failure);
}

static void test_no_sites(void **state)
{
	(void)state;
	check_answer(0, -EINVAL);
}

static void test_too_many_sites(void **state)
{
	(void)state;
	check_answer(KEEPER_SITES_MAX + 1, -EINVAL);
}

#ifndef __SANITIZE_ADDRESS__
static void test_more_sites_than_memory(void **state)
{
	(void)state;
	check_answer(KEEPER_SITES_MAX, -ENOMEM);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_sites),
		cmocka_unit_test(test_too_many_sites),
#ifndef __SANITIZE_ADDRESS__
		cmocka_unit_test(test_more_sites_than_memory),
#endif
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
