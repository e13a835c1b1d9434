// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: whatever a target has written where jemalloc, tcmalloc or mallocng have their state,
 * reading it ends, takes no more memory than it may, and finds ranges that do not overlap.
 *
 * Input: a byte for the allocator; then changes of what it would have written. Each is a byte for
 * what to change (static data, a table, an item, [heap]), two for which word of it, and the new
 * word: a number, or the address of one of these.
 */
#include "fuzz_changes.h"

#include "fake_other_mallocs.h"
#include "other_mallocs/other_mallocs.h"
#include "util/account.h"
#include "util/cleanup.h"

#define MEMORY_MAX  (16UL << 20)
#define CHANGES_MAX 64

static const uint64_t addresses[] = {
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

static uint64_t page_address(const struct fuzz_places *places, struct fuzz_input *input)
{
	return fuzz_places__address(places, input) & ~4095UL;
}

static const struct fuzz_places places = {
	.items = addresses,
	.cnt = ARRAY_SIZE(addresses),
	.special_word = page_address,
};

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
		fuzz_places__change(&places, &fake.memory, &input);
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
