// SPDX-License-Identifier: BSD-2-Clause
#include "util/hash.h"

#include <stdint.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SLOT_CNT 1024
#define KEY_CNT	 SLOT_CNT

/* The number of keys in the fullest slot. */
static uint32_t most_in_a_slot(const uint64_t *hashes)
{
	uint32_t cnts[SLOT_CNT] = {}, most = 0;

	for (int i = 0; i < KEY_CNT; i++)
		if (++cnts[hashes[i] % SLOT_CNT] > most)
			most = cnts[hashes[i] % SLOT_CNT];
	return most;
}

/*
 * Keys that would share one slot if the hash were a product with a known number: the upper halves
 * of all products are equal. If spread at random, the fullest of as many slots as there are keys
 * holds about 6; more than 16 would happen once in 10^10 runs.
 */
static void test_keys_chosen_for_one_slot(void **state)
{
	const uint64_t known = 0x9e3779b97f4a7c15, low_bits = 0xffffffff;
	uint64_t inverse = known, hashes[KEY_CNT], known_hashes[KEY_CNT];

	(void)state;
	for (int i = 0; i < 6; i++) /* Newton's method, modulo 2^64 */
		inverse *= 2 - known * inverse;
	for (uint64_t i = 0; i < KEY_CNT; i++) {
		uint64_t key = inverse * (0x1234ULL << 32 | (i * 4099 & low_bits));

		known_hashes[i] = key * known >> 32;
		hashes[i] = hash__word(key);
	}
	assert_int_equal(most_in_a_slot(known_hashes), KEY_CNT);
	assert_in_range(most_in_a_slot(hashes), 1, 16);
}

/* Addresses are multiples of powers of two. */
static void test_keys_at_equal_distances(void **state)
{
	uint64_t hashes[KEY_CNT];

	(void)state;
	for (unsigned int shift = 3; shift < 40; shift++) {
		for (uint64_t i = 0; i < KEY_CNT; i++)
			hashes[i] = hash__word(0x7f0000000000 + (i << shift));
		assert_in_range(most_in_a_slot(hashes), 1, 20);
	}
}

static void test_secrets_decide(void **state)
{
	uint64_t secrets[2] = {hash__secrets[0], hash__secrets[1]}, word, bytes;

	(void)state;
	assert_true(secrets[0]);
	assert_int_equal(secrets[1] % 2, 1);
	assert_int_not_equal(secrets[1], 1);
	word = hash__word(1);
	bytes = hash__bytes("name", 4);
	assert_int_equal(hash__word(1), word);
	assert_int_equal(hash__bytes("name", 4), bytes);
	assert_int_not_equal(hash__bytes("nama", 4), bytes);
	hash__secrets[0] ^= 1UL << 40;
	assert_int_not_equal(hash__word(1), word);
	assert_int_not_equal(hash__bytes("name", 4), bytes);
	hash__secrets[0] = secrets[0];
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_chosen_for_one_slot),
		cmocka_unit_test(test_keys_at_equal_distances),
		cmocka_unit_test(test_secrets_decide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
