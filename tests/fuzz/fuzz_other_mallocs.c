// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: whatever a target has written where jemalloc, tcmalloc or mallocng have their state,
 * reading it ends, takes no more memory than it may, and finds ranges that do not overlap.
 *
 * Input: a byte for the allocator; then changes of what it would have written. Each is a byte for
 * what to change (static data, a table, an item, [heap]), two for which word of it, and the new
 * word: a number, or the address of one of these.
 */
#include "fuzz.h"

#include <string.h>

#include "fake_other_mallocs.h"
#include "other_mallocs/other_mallocs.h"
#include "util/account.h"
#include "util/cleanup.h"

#define MEMORY_MAX  (16UL << 20)
#define CHANGES_MAX 64

static const uint64_t places[] = {
	FAKE_ROOT,
	FAKE_ROOT + (FAKE_PAGES >> 30) * 8,
	FAKE_ROOT + (FAKE_PAGES >> 42) * 8,
	FAKE_TABLES,
	FAKE_LEAF,
	FAKE_LEAF + (FAKE_PAGES >> 12) % (1UL << 18) * 8,
	FAKE_NODE,
	FAKE_ITEMS,
	FAKE_BRK_START,
	FAKE_TABLES + 0x10000,
	FAKE_SEGMENT,
	FAKE_SEGMENT + FAKE_SEGMENT_BYTES,
};

static uint64_t take_address(struct fuzz_input *input)
{
	uint64_t place = places[fuzz_input__byte(input) % ARRAY_SIZE(places)];
	uint16_t words;

	fuzz_input__take(input, &words, sizeof(words));
	return place + words % 512 * 8UL;
}

static uint64_t take_word(struct fuzz_input *input)
{
	uint64_t word;

	switch (fuzz_input__byte(input) % 4) {
	case 0:
		return fuzz_input__byte(input);
	case 1:
		return take_address(input);
	case 2:
		return take_address(input) & ~4095UL;
	default:
		fuzz_input__take(input, &word, sizeof(word));
		return word;
	}
}

static void change(const struct fake_other_malloc *fake, struct fuzz_input *input)
{
	uint64_t address = take_address(input), word = take_word(input);
	void *there = fake_memory__find(&fake->memory, address, sizeof(word));

	if (there)
		memcpy(there, &word, sizeof(word));
}

static void check_item(const struct other_malloc *item)
{
	uint64_t end = 0;

	for (size_t i = 0; i < item->range_cnt; i++) {
		CHECK(item->ranges[i].start >= end);
		CHECK(item->ranges[i].end > item->ranges[i].start);
		end = item->ranges[i].end;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.bytes = data, .size = size};
	static const struct target_ops ops;
	struct other_mallocs mallocs = {};
	struct fake_other_malloc fake;
	struct account *account;
	int err;

	CHECK(!account__new(&account, MEMORY_MAX, NULL));
	fake_other_malloc__init(&fake, (enum fake_other_kind)(fuzz_input__byte(&input) %
							      FAKE_OTHER_KINDS));
	fake.memory.memory.account = account;
	fake.target.ops = &ops;
	for (int i = 0; i < CHANGES_MAX && input.size; i++)
		change(&fake, &input);
	err = other_mallocs__find(&mallocs, &fake.target);
	CHECK(!err || account__is_short(err));
	for (size_t i = 0; i < mallocs.cnt && !err; i++)
		check_item(&mallocs.items[i]);
	other_mallocs__release(&mallocs);
	CHECK(!account__usage(account).used_bytes);
	account__close(account);
	fake_other_malloc__release(&fake);
	return 0;
}
