// SPDX-License-Identifier: BSD-2-Clause
/*
 * Heaps that take different times to read, over a long time, compared with the budget and the
 * interval.
 */
#include "host/schedule.h"

#include "unit_test.h"
#include "util/cleanup.h"

#define SECOND_NS  1000000000UL
#define INTERVAL_S 15.0
#define BUDGET	   0.02

/* The longest reading in this test. */
#define MOST_NS	 1e10
#define SAVED_NS SCHEDULE_START_NS /* also the largest debt before a reading */

/* An honest user, and two whose heaps take long. */
enum {
	HONEST = 1000,
	HOSTILE,
	HOSTILE_TOO,
	USERS_MAX = 3
};

struct heap_to_read {
	struct schedule_need need;
	process_owner owner;
	uint64_t takes_ns, read_cnt, longest_wait_ns;
	uint64_t then_takes_ns; /* every other time; 0: as always */
	bool is_ever_new;	/* each time another process replaces it */
};

static struct heap_to_read *most_urgent(const struct schedule *schedule, struct heap_to_read *heaps,
					size_t cnt, uint64_t now_ns)
{
	struct heap_to_read *picked = NULL;

	for (size_t i = 0; i < cnt; i++)
		if (schedule__affords(schedule, heaps[i].owner, heaps[i].need.taken_ns) &&
		    schedule__is_due(schedule, &heaps[i].need, now_ns) &&
		    (!picked || schedule__urgency(&heaps[i].need, now_ns) >
					schedule__urgency(&picked->need, now_ns)))
			picked = &heaps[i];
	return picked;
}

/* Returns the time that it took. */
static uint64_t read_one(struct schedule *schedule, struct heap_to_read *heap, uint64_t now_ns)
{
	uint64_t waited_ns = now_ns - heap->need.read_ns,
		 taken_ns = heap->then_takes_ns && heap->read_cnt % 2 ? heap->then_takes_ns
								      : heap->takes_ns;

	if (heap->need.read_ns && waited_ns > heap->longest_wait_ns)
		heap->longest_wait_ns = waited_ns;
	schedule__spend(schedule, heap->owner, taken_ns, heap->need.taken_ns);
	heap->read_cnt++;
	if (!heap->is_ever_new) {
		heap->need.read_ns = now_ns;
		heap->need.taken_ns = taken_ns;
	}
	return taken_ns;
}

/* Returns the time spent. */
static uint64_t run(struct schedule *schedule, struct heap_to_read *heaps, size_t cnt,
		    uint64_t seconds)
{
	uint64_t spent_ns = 0;

	for (uint64_t now_ns = SECOND_NS; now_ns < (1 + seconds) * SECOND_NS;
	     now_ns += SECOND_NS / 2) {
		struct heap_to_read *heap;

		schedule__save(schedule, now_ns);
		while ((heap = most_urgent(schedule, heaps, cnt, now_ns)))
			spent_ns += read_one(schedule, heap, now_ns);
		/* The unpaid rest was spent beyond the budget. */
		assert_true(user_debts__sum(&schedule->debts) <= USERS_MAX * (MOST_NS + SAVED_NS));
	}
	return spent_ns;
}

static void test_each_at_its_interval_where_that_can_be(void **state)
{
	struct heap_to_read heaps[20] = {};
	struct schedule schedule;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(heaps); i++)
		heaps[i].takes_ns = 1000000;
	schedule__begin(&schedule, INTERVAL_S, BUDGET, SECOND_NS);
	run(&schedule, heaps, ARRAY_SIZE(heaps), 600);
	for (size_t i = 0; i < ARRAY_SIZE(heaps); i++)
		assert_int_equal(heaps[i].read_cnt, 600 / 15);
}

static void test_a_large_heap_starves_no_small_one(void **state)
{
	struct heap_to_read heaps[20] = {{.takes_ns = 3 * SECOND_NS}};
	struct schedule schedule;
	uint64_t spent_ns;

	(void)state;
	for (size_t i = 1; i < ARRAY_SIZE(heaps); i++)
		heaps[i].takes_ns = 1000000;
	schedule__begin(&schedule, INTERVAL_S, BUDGET, SECOND_NS);
	spent_ns = run(&schedule, heaps, ARRAY_SIZE(heaps), 3600);
	/* Two hundredths of an hour, plus the initial savings; the last reading may exceed them. */
	assert_true(spent_ns <= 72 * SECOND_NS + 4 * SECOND_NS);
	assert_true(spent_ns >= 30 * SECOND_NS);
	assert_true(heaps[0].read_cnt >= 8);
	for (size_t i = 1; i < ARRAY_SIZE(heaps); i++) {
		assert_true(heaps[i].longest_wait_ns <= 2 * 15 * SECOND_NS);
		assert_true(heaps[i].read_cnt >= 3600 / 15 * 9 / 10);
	}
}

/* Among equals, processes with findings are read more often. */
static void test_need_goes_first(void **state)
{
	struct heap_to_read heaps[] = {
		{.takes_ns = SECOND_NS, .need = {.arena_bytes = 1e9}},
		{.takes_ns = SECOND_NS, .need = {.arena_bytes = 1e9, .growth = 2e8}},
		{.takes_ns = SECOND_NS, .need = {.arena_bytes = 1e9, .held_back = 0.9}},
	};
	struct schedule schedule;

	(void)state;
	schedule__begin(&schedule, INTERVAL_S, BUDGET, SECOND_NS);
	run(&schedule, heaps, ARRAY_SIZE(heaps), 20000);
	assert_true(heaps[0].read_cnt > 0);
	assert_true(heaps[1].read_cnt > 2 * heaps[0].read_cnt);
	assert_true(heaps[2].read_cnt > 2 * heaps[0].read_cnt);
}

static void test_what_an_alert_waits_for_is_due(void **state)
{
	const struct schedule_need need = {.read_ns = 100 * SECOND_NS},
				   wanted = {.read_ns = 100 * SECOND_NS, .is_wanted = true};
	struct schedule schedule;

	(void)state;
	schedule__begin(&schedule, INTERVAL_S, BUDGET, 0);
	assert_false(schedule__is_due(&schedule, &need, 101 * SECOND_NS));
	assert_true(schedule__is_due(&schedule, &wanted, 101 * SECOND_NS));
	/* But not twice in one round that had begun before. */
	assert_false(schedule__is_due(&schedule, &wanted, 99 * SECOND_NS));
	assert_true(schedule__urgency(&wanted, 101 * SECOND_NS) >
		    schedule__urgency(&need, 101 * SECOND_NS));
}

/*
 * A large heap and small ones of an honest user, beside @hostile ones: the honest user gets a share
 * as one of @users.
 */
static void check_beside(struct heap_to_read *hostile, size_t hostile_cnt, uint64_t users)
{
	struct heap_to_read alone[10] = {{.takes_ns = 3 * SECOND_NS, .owner = HONEST}}, heaps[100];
	struct schedule schedule;
	uint64_t seconds = 24 * 3600;

	for (size_t i = 1; i < ARRAY_SIZE(alone); i++)
		alone[i] = (struct heap_to_read){.takes_ns = 1000000, .owner = HONEST};
	for (size_t i = 0; i < ARRAY_SIZE(alone) + hostile_cnt; i++)
		heaps[i] = i < ARRAY_SIZE(alone) ? alone[i] : hostile[i - ARRAY_SIZE(alone)];
	schedule__begin(&schedule, INTERVAL_S, BUDGET, SECOND_NS);
	run(&schedule, alone, ARRAY_SIZE(alone), seconds);
	schedule__begin(&schedule, INTERVAL_S, BUDGET, SECOND_NS);
	run(&schedule, heaps, ARRAY_SIZE(alone) + hostile_cnt, seconds);
	for (size_t i = 0; i < ARRAY_SIZE(alone); i++)
		assert_true(heaps[i].read_cnt + 1 >= alone[i].read_cnt / users);
}

/* Ten seconds at each first reading, of ever new processes; two users alternate. */
static void test_what_is_new_takes_long(void **state)
{
	struct heap_to_read hostile[40] = {};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++)
		hostile[i] = (struct heap_to_read){.takes_ns = (uint64_t)MOST_NS,
						   .is_ever_new = true,
						   .owner = i % 2 ? HOSTILE : HOSTILE_TOO};
	check_beside(hostile, 1, 2);
	check_beside(hostile, ARRAY_SIZE(hostile), 3);
}

/* A millisecond, which is affordable, and ten seconds the next time. */
static void test_what_was_cheap_takes_long(void **state)
{
	struct heap_to_read hostile[80] = {};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++)
		hostile[i] = (struct heap_to_read){.takes_ns = 1000000,
						   .then_takes_ns = (uint64_t)MOST_NS,
						   .owner = HOSTILE};
	check_beside(hostile, 1, 2);
	check_beside(hostile, ARRAY_SIZE(hostile), 2);
}

/* A reading that was cut short is repeated, at ever longer intervals. */
static void test_what_takes_too_long_waits(void **state)
{
	struct schedule_need need = {.read_ns = SECOND_NS, .is_wanted = true};
	struct schedule schedule;

	(void)state;
	schedule__begin(&schedule, INTERVAL_S, BUDGET, 0);
	for (uint32_t cnt = 1; cnt < 20; cnt++) {
		uint64_t wait_ns = (uint64_t)INTERVAL_S * SECOND_NS << (cnt < 10 ? cnt : 10);

		need.overrun_cnt = cnt;
		assert_false(schedule__is_due(&schedule, &need, need.read_ns + wait_ns - 1));
		assert_true(schedule__is_due(&schedule, &need, need.read_ns + wait_ns));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_at_its_interval_where_that_can_be),
		cmocka_unit_test(test_a_large_heap_starves_no_small_one),
		cmocka_unit_test(test_need_goes_first),
		cmocka_unit_test(test_what_an_alert_waits_for_is_due),
		cmocka_unit_test(test_what_is_new_takes_long),
		cmocka_unit_test(test_what_was_cheap_takes_long),
		cmocka_unit_test(test_what_takes_too_long_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
