// SPDX-License-Identifier: BSD-2-Clause
/*
 * Sampling, compared with its definition: distances with the exponential distribution, computed by
 * libm, and the samples of a long run of allocations with all of them. The numbers are the same in
 * each run, so the bounds, four standard deviations and more, either always hold or never.
 */
#include "pyfrag/sampling.h"

#include <math.h>
#include <stdbool.h>

#include "prng.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define DRAWS	 1000000
#define MEAN_MAX (1UL << 30)

static uint32_t next_random(uint64_t *seed)
{
	return (uint32_t)(prng__next(seed) >> 32);
}

/* Whether a block of @size bytes is sampled; like is_sampled() in bpf/pyfrag.bpf.c. */
static bool takes_sample(int64_t *until_sample, uint64_t size, uint64_t mean, uint64_t *seed)
{
	__s64 until = *until_sample;
	uint32_t point = sampling__step(&until);

	*until_sample = until;
	if (until <= 0)
		*until_sample = (int64_t)sampling__distance(next_random(seed), mean);
	return point && point <= size;
}

static double probability_of(uint64_t size, uint64_t mean)
{
	return -expm1(-(double)size / (double)mean);
}

static void test_mean(void **state)
{
	static const uint64_t means[] = {512, 4096, 16384, 1 << 20, MEAN_MAX};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(means); i++) {
		double sum = 0, squares = 0, mean = (double)means[i], variance;
		uint64_t seed = 1 + i;

		for (int draw = 0; draw < DRAWS; draw++) {
			/* Rounded up to whole bytes: half a byte too much. */
			double distance =
				(double)sampling__distance(next_random(&seed), means[i]) - 0.5;

			sum += distance;
			squares += distance * distance;
		}
		sum /= DRAWS;
		variance = squares / DRAWS - sum * sum;
		/* The mean of so many is typically off by a thousandth. */
		assert_true(fabs(sum / mean - 1) < 0.004);
		assert_true(fabs(sqrt(variance) / mean - 1) < 0.006);
	}
}

/* The share of distances at or below x: 1 - exp(-x / mean). */
static void test_quantiles(void **state)
{
	static const double points[] = {0.001, 0.01, 0.1, 0.5, M_LN2, 1, 2, 4, 8, 12};
	uint64_t seed = 7, mean = 16384;
	int below[ARRAY_SIZE(points)] = {};

	(void)state;
	for (int draw = 0; draw < DRAWS; draw++) {
		uint64_t distance = sampling__distance(next_random(&seed), mean);

		for (size_t i = 0; i < ARRAY_SIZE(points); i++)
			below[i] += distance <= (uint64_t)(points[i] * (double)mean);
	}
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		double share = probability_of((uint64_t)(points[i] * (double)mean), mean);
		double sigma = sqrt(share * (1 - share) / DRAWS);

		if (fabs((double)below[i] / DRAWS - share) > 4 * sigma + 1e-5)
			fail_msg("%g of the mean: %d of %d, not %g of them", points[i], below[i],
				 DRAWS, share);
	}
}

/* Each distance equals the one from libm, up to the table's linear interpolation. */
static void test_distances(void **state)
{
	static const uint64_t means[] = {1, 16, 16384, MEAN_MAX};
	uint64_t seed = 11;

	(void)state;
	for (int draw = 0; draw < DRAWS; draw++) {
		uint32_t random = next_random(&seed) >> (draw % 32);

		for (size_t i = 0; i < ARRAY_SIZE(means); i++) {
			double mean = (double)means[i];
			double expected = -log((random | 1) / 4294967296.0) * mean;
			double distance = (double)sampling__distance(random, means[i]);

			if (fabs(distance - expected) > 1 + 1e-4 * mean)
				fail_msg("%u, mean %g: %g, not %g", random, mean, distance,
					 expected);
		}
	}
}

static void test_extremes(void **state)
{
	uint64_t previous = UINT64_MAX;

	(void)state;
	for (uint64_t mean = 1; mean <= MEAN_MAX; mean *= 2) {
		uint64_t longest = (uint64_t)(32 * M_LN2 * (double)mean);

		assert_int_equal(sampling__distance(0, mean), sampling__distance(1, mean));
		assert_in_range(sampling__distance(0, mean), longest - longest / 10000,
				longest + longest / 10000 + 2);
		assert_in_range(sampling__distance(0xffffffff, mean), 1, 1 + mean / 10000);
	}
	/*
	 * Never longer for a greater number; also where the highest bit, or the index in the table,
	 * changes.
	 */
	for (uint64_t random = 0; random <= UINT32_MAX; random += 99991) {
		uint64_t distance = sampling__distance((uint32_t)random, MEAN_MAX);

		assert_true(distance <= previous);
		previous = distance;
	}
	for (int bit = 2; bit < 32; bit++)
		assert_true(sampling__distance((1U << bit) - 1, MEAN_MAX) >=
			    sampling__distance(1U << bit, MEAN_MAX));
}

/*
 * Of blocks of all sizes, in any order, one of s bytes is sampled with probability 1 - exp(-s /
 * mean).
 */
static void test_share_of_blocks(void **state)
{
	static const uint64_t means[] = {64, 1024, 16384};
	enum {
		CLASSES = 32,
		BLOCKS = 8000000
	};

	(void)state;
	for (size_t m = 0; m < ARRAY_SIZE(means); m++) {
		uint64_t seed = 100 + m, blocks[CLASSES] = {}, taken[CLASSES] = {};
		int64_t until_sample = (int64_t)sampling__distance(next_random(&seed), means[m]);

		for (int i = 0; i < BLOCKS; i++) {
			uint32_t size_class = prng__below(&seed, CLASSES);

			blocks[size_class]++;
			taken[size_class] +=
				takes_sample(&until_sample, (size_class + 1) * 16, means[m], &seed);
		}
		for (int i = 0; i < CLASSES; i++) {
			double share = probability_of((uint64_t)(i + 1) * 16, means[m]);
			double cnt = (double)blocks[i], sigma = sqrt(share * (1 - share) / cnt);

			if (fabs((double)taken[i] / cnt - share) > 4.5 * sigma)
				fail_msg("of %d bytes: %g, not %g", (i + 1) * 16,
					 (double)taken[i] / cnt, share);
		}
	}
}

/*
 * Each sample counts as 1 / p: over many runs the estimate is right on average, and its error
 * agrees with the variance that is summed up with it (user/stacks/site_ledger.h).
 */
static void test_estimates(void **state)
{
	enum {
		RUNS = 4000,
		BLOCKS = 4000
	};
	const uint64_t mean = 4096;
	double misses = 0, squares = 0, covered = 0, estimated = 0, allocated = 0;
	uint64_t seed = 31;

	(void)state;
	for (int run = 0; run < RUNS; run++) {
		int64_t until_sample = (int64_t)sampling__distance(next_random(&seed), mean);
		double bytes = 0, estimate = 0, variance = 0, miss;

		for (int i = 0; i < BLOCKS; i++) {
			uint32_t size = (prng__below(&seed, 32) + 1) * 16;
			double probability = probability_of(size, mean);

			bytes += size;
			if (!takes_sample(&until_sample, size, mean, &seed))
				continue;
			estimate += size / probability;
			variance += size / probability * (size / probability) * (1 - probability);
		}
		miss = (estimate - bytes) / sqrt(variance);
		misses += miss;
		squares += miss * miss;
		covered += fabs(miss) < 1.96;
		estimated += estimate;
		allocated += bytes;
	}
	assert_true(fabs(estimated / allocated - 1) < 0.003);
	assert_true(fabs(misses / RUNS) < 0.1);
	assert_true(fabs(squares / RUNS - 1) < 0.1);
	assert_true(fabs(covered / RUNS - 0.95) < 0.015);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mean),
		cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_distances),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_share_of_blocks),
		cmocka_unit_test(test_estimates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
