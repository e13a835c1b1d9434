// SPDX-License-Identifier: BSD-2-Clause
#include "util/account.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit_test.h"
#include "util/array.h"
#include "util/cleanup.h"

#define THREAD_CNT 4
#define TAKES_CNT  20000

static struct account *new_account(uint64_t limit_bytes, struct account *parent)
{
	struct account *account;

	assert_int_equal(account__new(&account, limit_bytes, parent), 0);
	return account;
}

static void assert_used(const struct account *account, uint64_t least, uint64_t most)
{
	uint64_t used = account__usage(account).used_bytes;

	assert_true(used >= least && used <= most);
}

static void test_counts_what_is_in_use(void **state)
{
	struct account *account = new_account(1 << 20, NULL);
	uint8_t *bytes = account__alloc(account, 1000), *zeros = account__calloc(account, 10, 100);

	(void)state;
	assert_non_null(bytes);
	assert_non_null(zeros);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(zeros[i], 0);
	memset(bytes, 7, 1000);
	assert_used(account, 2000, 2100);
	bytes = account__realloc(account, bytes, 5000);
	assert_non_null(bytes);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(bytes[i], 7);
	assert_used(account, 6000, 6100);
	bytes = account__realloc(account, bytes, 10);
	assert_int_equal(bytes[9], 7);
	assert_used(account, 1010, 1100);
	account__free(bytes);
	account__free(zeros);
	assert_used(account, 0, 0);
	assert_true(account__usage(account).peak_bytes >= 6000);
	assert_int_equal(account__usage(account).refused, 0);
	account__close(account);
}

static void test_refuses_what_is_beyond_the_limit(void **state)
{
	struct account *account = new_account(10000, NULL);
	char *kept = account__strdup(account, "kept");
	size_t capacity = 0;
	uint64_t *items = NULL;

	(void)state;
	assert_null(account__alloc(account, 10000));
	assert_int_equal(errno, EDQUOT);
	assert_null(account__calloc(account, 100, 100));
	assert_null(account__realloc(account, kept, 10000));
	assert_string_equal(kept, "kept");
	for (size_t cnt = 1; cnt * sizeof(*items) <= 4000; cnt++) {
		assert_int_equal(ACCOUNT_RESERVE(account, items, capacity, cnt), 0);
		items[cnt - 1] = cnt;
	}
	assert_int_equal(ACCOUNT_RESERVE(account, items, capacity, 1250), -EDQUOT);
	assert_int_equal(items[499], 500);
	assert_true(capacity >= 500 && capacity < 1250);
	assert_int_equal(account__check_room(account, 8000), -EDQUOT);
	assert_int_equal(account__check_room(account, 1000), 0);
	assert_int_equal(account__usage(account).refused, 5);
	assert_true(account__usage(account).peak_bytes <= 10000);
	account__free(items);
	account__free(kept);
	account__close(account);
}

static void test_impossible_sizes(void **state)
{
	struct account *account = new_account(UINT64_MAX, NULL);
	size_t capacity = 0;
	uint64_t *items = NULL;

	(void)state;
	assert_null(account__alloc(account, SIZE_MAX));
	assert_int_equal(errno, ENOMEM);
	assert_null(account__calloc(account, SIZE_MAX / 2, 3));
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(ACCOUNT_RESERVE(account, items, capacity, SIZE_MAX / 4), -ENOMEM);
	assert_used(account, 0, 0);
	account__close(account);
}

static void test_parts_share_what_the_whole_has(void **state)
{
	struct account *whole = new_account(10000, NULL);
	struct account *one = new_account(8000, whole), *other = new_account(8000, whole);
	void *of_one = account__alloc(one, 7000), *of_other;

	(void)state;
	assert_non_null(of_one);
	assert_null(account__alloc(other, 7000));
	assert_int_equal(errno, EDQUOT);
	assert_used(other, 0, 0);
	assert_int_equal(account__check_room(other, 7000), -EDQUOT);
	of_other = account__alloc(other, 2000);
	assert_non_null(of_other);
	assert_used(whole, 9000, 9100);
	assert_int_equal(account__usage(whole).refused, 2);
	assert_int_equal(account__usage(one).refused, 0);
	assert_int_equal(account__usage(other).refused, 2);
	account__free(of_one);
	assert_used(whole, 2000, 2100);
	account__free(of_other);
	account__close(one);
	account__close(other);
	account__close(whole);
}

/*
 * Owners and memory may be released in any order; the sanitizers detect use after free and leaks.
 */
static void test_outlives_what_was_taken(void **state)
{
	struct account *whole = new_account(10000, NULL);
	struct account *part = new_account(10000, whole);
	char *text = account__strdup(part, "text");

	(void)state;
	account__close(part);
	account__close(whole);
	text = account__realloc(NULL, text, 100);
	assert_string_equal(text, "text");
	account__free(text);
}

static int compare_words(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

static int compare_downwards(const void *left, const void *right, void *context)
{
	++*(int *)context;
	return compare_words(right, left);
}

/* Memory that the C library allocates for sorting is charged to the account meanwhile. */
static void test_sorting_is_paid_for(void **state)
{
	struct account *account = new_account(64 << 10, NULL);
	uint64_t *words = account__calloc(account, 4000, sizeof(*words)), used;
	int compared = 0;

	(void)state;
	assert_non_null(words);
	words[0] = 2;
	words[1] = 1;
	used = account__usage(account).used_bytes;
	assert_int_equal(account__sort(account, words, 4000, sizeof(*words), compare_words), 0);
	assert_true(words[3997] == 0 && words[3998] == 1 && words[3999] == 2);
	assert_int_equal(account__sort_r(account, words, 4000, sizeof(*words), compare_downwards,
					 &compared),
			 0);
	assert_true(words[0] == 2 && words[1] == 1 && words[2] == 0 && compared > 0);
	assert_int_equal(account__usage(account).used_bytes, used);
	assert_true(account__usage(account).peak_bytes >= 2 * 4000 * sizeof(*words));

	/* An array that fills more than half of the account cannot be copied to the rest of it. */
	words = account__realloc(account, words, 4200 * sizeof(*words));
	assert_non_null(words);
	assert_int_equal(account__sort(account, words, 4200, sizeof(*words), compare_words),
			 -EDQUOT);
	assert_true(words[0] == 2 && words[1] == 1);
	assert_int_equal(account__sort(account, NULL, 0, sizeof(*words), compare_words), 0);
	account__free(words);
	account__close(account);
}

static void test_without_account(void **state)
{
	char *text = account__strdup(NULL, "text");

	(void)state;
	text = account__realloc(NULL, text, 0);
	assert_non_null(text);
	account__free(text);
	account__free(account__alloc(NULL, 0));
	account__free(NULL);
	account__close(NULL);
	assert_int_equal(account__check_room(NULL, UINT64_MAX), 0);
	assert_int_equal(account__usage(NULL).used_bytes, 0);
	assert_true(account__usage(NULL).limit_bytes == UINT64_MAX);
}

static void test_refuses_the_nth(void **state)
{
	struct account *account = new_account(1 << 20, NULL);
	void *taken[3];

	(void)state;
	account__refuse_nth(account, 2);
	taken[0] = account__alloc(account, 1);
	assert_null(account__alloc(account, 1));
	assert_int_equal(errno, EDQUOT);
	taken[1] = account__alloc(account, 1);
	taken[2] = account__realloc(account, NULL, 1);
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		assert_non_null(taken[i]);
		account__free(taken[i]);
	}
	account__close(account);
}

static void *take_and_give(void *context)
{
	struct account *account = context;
	void *taken[8] = {};

	for (size_t i = 0; i < TAKES_CNT; i++) {
		void **at = &taken[i % ARRAY_SIZE(taken)];

		account__free(*at);
		*at = account__alloc(account, i % 300);
	}
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
		account__free(taken[i]);
	return NULL;
}

static void test_threads(void **state)
{
	struct account *whole = new_account(4000, NULL);
	struct account *parts[THREAD_CNT];
	pthread_t threads[THREAD_CNT];

	(void)state;
	for (size_t i = 0; i < THREAD_CNT; i++) {
		parts[i] = new_account(3000, whole);
		assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, parts[i]), 0);
	}
	for (size_t i = 0; i < THREAD_CNT; i++) {
		pthread_join(threads[i], NULL);
		assert_used(parts[i], 0, 0);
		account__close(parts[i]);
	}
	assert_used(whole, 0, 0);
	assert_true(account__usage(whole).peak_bytes <= 4000);
	account__close(whole);
}

static void free_as_plain(void)
{
	void *volatile pointer = account__alloc(NULL, 100);

	free(pointer);
}

static void grow_as_plain(void)
{
	uint64_t *items = account__alloc(NULL, 100);
	size_t capacity = 1;

	(void)ARRAY_RESERVE(items, capacity, 1000);
}

static void free_plain(void)
{
	account__free(malloc(100));
}

static void grow_plain(void)
{
	uint64_t *items = malloc(100);
	size_t capacity = 1;

	(void)ACCOUNT_RESERVE(NULL, items, capacity, 1000);
}

/* Whether @mistake ends the process. */
static bool is_fatal(void (*mistake)(void))
{
	pid_t child = fork();
	int status;

	if (!child) {
		close(STDERR_FILENO);
		mistake();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return !WIFEXITED(status) || WEXITSTATUS(status);
}

static void test_mixing_with_plain_memory_is_fatal(void **state)
{
	(void)state;
	assert_true(is_fatal(free_as_plain));
	assert_true(is_fatal(grow_as_plain));
	assert_true(is_fatal(free_plain));
	assert_true(is_fatal(grow_plain));
}

#ifndef __SANITIZE_ADDRESS__ /* which has its own malloc */
#define PIECE_CNT   1024
#define PIECE_BYTES (32 << 10)

static size_t resident_pages(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/statm", "r");
	size_t size, resident;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%zu %zu", &size, &resident), 2);
	return resident;
}

struct turn {
	struct account *account;
	pthread_barrier_t *end; /* until then none exits, so none inherits cached memory */
	pthread_mutex_t *turn;
	void *kept;
};

/*
 * Allocates and frees 32 MiB, except the last piece, which keeps malloc from releasing the others.
 */
static void *take_and_free(void *context)
{
	struct turn *turn = context;
	void *pieces[PIECE_CNT];

	pthread_mutex_lock(turn->turn);
	for (size_t i = 0; i < PIECE_CNT; i++) {
		pieces[i] = account__alloc(turn->account, PIECE_BYTES);
		memset(pieces[i], 1, PIECE_BYTES);
	}
	turn->kept = pieces[PIECE_CNT - 1];
	for (size_t i = 0; i < PIECE_CNT - 1; i++)
		account__free(pieces[i]);
	pthread_mutex_unlock(turn->turn);
	pthread_barrier_wait(turn->end);
	return NULL;
}

static void test_threads_use_what_others_have_freed(void **state)
{
	struct account *account = new_account(UINT64_MAX, NULL);
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct turn turns[THREAD_CNT];
	pthread_t threads[THREAD_CNT];
	pthread_barrier_t end;
	size_t before = resident_pages(), kept;

	(void)state;
	account__keep_little_freed();
	pthread_barrier_init(&end, NULL, THREAD_CNT + 1);
	for (size_t i = 0; i < THREAD_CNT; i++) {
		turns[i] = (struct turn){.account = account, .end = &end, .turn = &lock};
		pthread_create(&threads[i], NULL, take_and_free, &turns[i]);
	}
	pthread_barrier_wait(&end);
	kept = resident_pages() - before;
	for (size_t i = 0; i < THREAD_CNT; i++) {
		pthread_join(threads[i], NULL);
		account__free(turns[i].kept);
	}
	account__close(account);
	assert_true(kept < 2UL * PIECE_CNT * PIECE_BYTES / (size_t)sysconf(_SC_PAGESIZE));
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifndef __SANITIZE_ADDRESS__
		/* This test comes before others start threads. */
		cmocka_unit_test(test_threads_use_what_others_have_freed),
#endif
		cmocka_unit_test(test_counts_what_is_in_use),
		cmocka_unit_test(test_refuses_what_is_beyond_the_limit),
		cmocka_unit_test(test_impossible_sizes),
		cmocka_unit_test(test_parts_share_what_the_whole_has),
		cmocka_unit_test(test_outlives_what_was_taken),
		cmocka_unit_test(test_sorting_is_paid_for),
		cmocka_unit_test(test_without_account),
		cmocka_unit_test(test_refuses_the_nth),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_mixing_with_plain_memory_is_fatal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
