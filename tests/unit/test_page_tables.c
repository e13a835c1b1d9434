// SPDX-License-Identifier: BSD-2-Clause
/*
 * The test's own memory, which was never touched and is far larger than the limit allows to be
 * read.
 */
#include "target/page_tables.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/live_memory.h"
#include "unit_test.h"

#define REGION	      (2UL << 20)
#define REGION_CNT    8192UL
#define TABLE_BYTES   4096UL /* of a region */
#define CROWD	      16
#define CROWD_REGIONS 512UL
#define SMALL_CROWD   64
#define SMALL_REGIONS 16UL

static uint8_t *map_sparse(void)
{
	uint8_t *memory = mmap(NULL, REGION_CNT * REGION, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED) {
		print_message("skipped: there is no room for 16 GiB of addresses\n");
		skip();
	}
	madvise(memory, REGION_CNT * REGION, MADV_NOHUGEPAGE);
	return memory;
}

/* Reads a byte of each region. Returns how many could be read; *err is why the next could not. */
static size_t read_regions(struct live_memory *memory, const uint8_t *from, int *err)
{
	size_t cnt = 0;
	uint8_t byte;

	*err = 0;
	while (cnt < REGION_CNT &&
	       !(*err = memory__read(&memory->memory, (uintptr_t)from + cnt * REGION, &byte, 1)))
		cnt++;
	return cnt;
}

static void test_page_tables_are_paid_for(void **state)
{
	uint64_t allowed_bytes = REGION_CNT * TABLE_BYTES / 2;
	uint8_t *sparse = map_sparse();
	struct live_memory memory;
	struct account *account;
	size_t cnt;
	int err;

	(void)state;
	assert_int_equal(account__new(&account, 4 * allowed_bytes, NULL), 0);
	live_memory__init(&memory, getpid());
	memory.memory.account = account;
	cnt = read_regions(&memory, sparse, &err);
	assert_int_equal(err, -EDQUOT);
	assert_true(cnt < REGION_CNT && cnt * TABLE_BYTES > allowed_bytes / 2);
	assert_true(account__usage(account).refused > 0);
	/* And again each time from then on. */
	assert_int_equal(read_regions(&memory, sparse, &err), 0);
	assert_int_equal(err, -EDQUOT);
	/* Until the process unmaps that memory. */
	munmap(sparse, REGION_CNT * REGION);
	assert_int_equal(memory__read(&memory.memory, (uintptr_t)&cnt, &cnt, sizeof(cnt)), 0);
	assert_true(account__usage(account).used_bytes < allowed_bytes / 8);
	live_memory__release(&memory);
	account__close(account);
}

static pid_t start_child(void)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		pause();
		_exit(0);
	}
	return pid;
}

/*
 * Children that are read once and continue to run: the page tables made for them count until they
 * exit.
 */
static void test_a_crowd_is_paid_for(void **state)
{
	uint64_t limit = CROWD * CROWD_REGIONS * TABLE_BYTES;
	struct account *account;
	pid_t pids[CROWD];
	size_t refused_cnt = 0;

	(void)state;
	assert_int_equal(account__new(&account, limit, NULL), 0);
	for (size_t i = 0; i < CROWD; i++) {
		uint8_t *sparse = map_sparse(), byte;
		struct live_memory memory;
		int err = 0;

		pids[i] = start_child();
		live_memory__init(&memory, pids[i]);
		memory.memory.account = account;
		for (size_t region = 0; region < CROWD_REGIONS && !err; region++)
			err = memory__read(&memory.memory, (uintptr_t)sparse + region * REGION,
					   &byte, 1);
		if (!err)
			err = page_tables__settle(&memory.tables);
		refused_cnt += err == -EDQUOT;
		live_memory__release(&memory);
		munmap(sparse, REGION_CNT * REGION);
	}
	/* Half of it was granted. */
	assert_true(refused_cnt > CROWD / 4);
	assert_in_range(account__usage(account).used_bytes, limit / 8 * 3, limit / 8 * 5);
	for (size_t i = 0; i < CROWD; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	page_tables__forget_gone();
	assert_true(account__usage(account).used_bytes < limit / 16);
	account__close(account);
}

/*
 * Few page tables are made for each child, but there are many children: others are read
 * nevertheless.
 */
static void test_a_crowd_of_small_ones_is_paid_for(void **state)
{
	uint64_t limit = SMALL_CROWD * SMALL_REGIONS * TABLE_BYTES;
	uint8_t *sparse = map_sparse(), byte;
	struct live_memory memory;
	pid_t pids[SMALL_CROWD];
	struct account *account;

	(void)state;
	assert_int_equal(account__new(&account, limit, NULL), 0);
	for (size_t i = 0; i < SMALL_CROWD; i++) {
		int err = 0;

		pids[i] = start_child();
		live_memory__init(&memory, pids[i]);
		memory.memory.account = account;
		memory.tables.owner = 1000;
		for (size_t region = 0; region < SMALL_REGIONS && !err; region++)
			err = memory__read(&memory.memory, (uintptr_t)sparse + region * REGION,
					   &byte, 1);
		live_memory__release(&memory);
	}
	assert_in_range(account__usage(account).used_bytes, limit / 4, limit / 8 * 5);
	/* A process of another user may still be read. */
	live_memory__init(&memory, getpid());
	memory.memory.account = account;
	memory.tables.owner = 1001;
	for (size_t region = 0; region < SMALL_REGIONS; region++)
		assert_int_equal(memory__read(&memory.memory, (uintptr_t)sparse + region * REGION,
					      &byte, 1),
				 0);
	assert_int_equal(page_tables__settle(&memory.tables), 0);
	live_memory__release(&memory);
	for (size_t i = 0; i < SMALL_CROWD; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	munmap(sparse, REGION_CNT * REGION);
	page_tables__forget_gone();
	account__close(account);
}

/* The page tables made for the previous program are no longer counted then. */
static void test_a_process_that_becomes_another_program(void **state)
{
	uint8_t *sparse = map_sparse();
	struct live_memory memory;
	struct account *account;
	int go[2], gone[2], err;
	char byte = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	assert_int_equal(pipe2(gone, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		if (read(go[0], &byte, 1) == 1)
			execl("/bin/sleep", "sleep", "1000", NULL);
		_exit(1);
	}
	close(gone[1]);
	assert_int_equal(account__new(&account, 8 * REGION_CNT * TABLE_BYTES, NULL), 0);
	live_memory__init(&memory, pid);
	memory.memory.account = account;
	assert_int_equal(read_regions(&memory, sparse, &err), REGION_CNT);
	assert_int_equal(page_tables__settle(&memory.tables), 0);
	assert_true(account__usage(account).used_bytes > REGION_CNT * TABLE_BYTES / 2);
	assert_int_equal(write(go[1], &byte, 1), 1);
	assert_int_equal(read(gone[0], &byte, 1), 0);
	live_memory__release(&memory);
	assert_true(account__usage(account).used_bytes < REGION_CNT * TABLE_BYTES / 8);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(go[0]);
	close(go[1]);
	close(gone[0]);
	munmap(sparse, REGION_CNT * REGION);
	page_tables__forget_gone();
	account__close(account);
}

static void test_those_that_are_there_cost_nothing(void **state)
{
	uint8_t *sparse = map_sparse();
	struct live_memory memory;
	struct account *account;
	int err;

	(void)state;
	assert_int_equal(account__new(&account, UINT64_MAX, NULL), 0);
	for (size_t i = 0; i < REGION_CNT; i++)
		sparse[i * REGION] = 1;
	live_memory__init(&memory, getpid());
	memory.memory.account = account;
	assert_int_equal(read_regions(&memory, sparse, &err), REGION_CNT);
	assert_int_equal(account__usage(account).peak_bytes, 0);
	live_memory__release(&memory);
	munmap(sparse, REGION_CNT * REGION);
	account__close(account);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_page_tables_are_paid_for),
		cmocka_unit_test(test_a_crowd_is_paid_for),
		cmocka_unit_test(test_a_crowd_of_small_ones_is_paid_for),
		cmocka_unit_test(test_a_process_that_becomes_another_program),
		cmocka_unit_test(test_those_that_are_there_cost_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
