// SPDX-License-Identifier: BSD-2-Clause
#include "fake_memory.h"

#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/partition_point.h"

/* The last mapping that begins at or before @address, or NULL. */
static struct fake_range *find_range(const struct fake_memory *fake, uint64_t address)
{
	size_t next =
		PARTITION_POINT(range, fake->ranges, fake->range_cnt, range->address <= address);

	return next ? &fake->ranges[next - 1] : NULL;
}

void *fake_memory__find(const struct fake_memory *fake, uint64_t address, size_t size)
{
	const struct fake_range *range = find_range(fake, address);

	if (!range || address - range->address > range->size ||
	    size > range->size - (address - range->address))
		return NULL;
	return range->bytes + (address - range->address);
}

void *fake_memory__at(const struct fake_memory *fake, uint64_t address, size_t size)
{
	void *bytes = fake_memory__find(fake, address, size);

	if (!bytes)
		abort(); /* an error in the test */
	return bytes;
}

uint64_t *fake_memory__word(const struct fake_memory *fake, uint64_t address)
{
	return fake_memory__at(fake, address, sizeof(uint64_t));
}

void *fake_memory__map(struct fake_memory *fake, uint64_t address, size_t size)
{
	struct fake_range *before = find_range(fake, address);
	size_t at = before ? (size_t)(before - fake->ranges) + 1 : 0;
	struct fake_range range = {.address = address, .size = size, .bytes = calloc(1, size)};

	if (!range.bytes || (before && address - before->address < before->size) ||
	    (at < fake->range_cnt && fake->ranges[at].address - address < size) ||
	    ARRAY_RESERVE(fake->ranges, fake->range_capacity, fake->range_cnt + 1))
		abort();
	memmove(&fake->ranges[at + 1], &fake->ranges[at], (fake->range_cnt - at) * sizeof(range));
	fake->ranges[at] = range;
	fake->range_cnt++;
	return range.bytes;
}

void fake_memory__unmap(struct fake_memory *fake, uint64_t address)
{
	struct fake_range *range = find_range(fake, address);
	struct fake_range *end = fake->ranges + fake->range_cnt;

	if (!range || range->address != address)
		abort();
	free(range->bytes);
	memmove(range, range + 1, (size_t)(end - range - 1) * sizeof(*range));
	fake->range_cnt--;
}

void fake_memory__punch_hole(struct fake_memory *fake, uint64_t address, size_t size)
{
	struct fake_range whole = *find_range(fake, address);
	size_t before = address - whole.address, after = whole.size - before - size;
	uint8_t *left = malloc(before + 1), *right = malloc(after + 1);

	if (!left || !right)
		abort();
	memcpy(left, whole.bytes, before);
	memcpy(right, whole.bytes + before + size, after);
	fake_memory__unmap(fake, whole.address);
	if (before)
		memcpy(fake_memory__map(fake, whole.address, before), left, before);
	if (after)
		memcpy(fake_memory__map(fake, address + size, after), right, after);
	free(left);
	free(right);
}

/*
 * The number of bytes of [address, address + size) that one copy takes: it ends at the end of the
 * mapping or of a piece.
 */
static size_t copy_piece(struct fake_memory *fake, uint64_t address, uint8_t *buffer, size_t size)
{
	const struct fake_range *range;
	size_t there;

	if (fake->piece_size && size > fake->piece_size)
		size = fake->piece_size;
	if (fake->before_read)
		fake->before_read(fake->context, address, size);
	range = find_range(fake, address);
	if (!range || address - range->address >= range->size)
		return 0;
	there = range->size - (address - range->address);
	if (size > there)
		size = there;
	memcpy(buffer, range->bytes + (address - range->address), size);
	return size;
}

static bool is_swapped(const struct fake_memory *fake, uint64_t address, uint64_t size)
{
	if (fake->memory.reads_swapped)
		return false;
	for (size_t i = 0; i < fake->swapped_cnt; i++)
		if (address < fake->swapped[i].end && address + size > fake->swapped[i].start)
			return true;
	return false;
}

static bool leaves(const struct memory *memory, uint64_t address)
{
	return is_swapped((const struct fake_memory *)memory, address, 1);
}

/* All pages that are not swapped out. */
static int find_touched(const struct memory *memory, uint64_t start, uint64_t end,
			memory_run_fn *take, void *context)
{
	int err = 0;

	for (uint64_t page = start & ~4095UL; page < end && !err; page += 4096)
		if (!is_swapped((const struct fake_memory *)memory, page, 4096))
			err = take(page, page + 4096, context);
	return err;
}

void fake_memory__swap_out(struct fake_memory *fake, uint64_t address, size_t size)
{
	if (fake->swapped_cnt == ARRAY_SIZE(fake->swapped))
		abort();
	fake->swapped[fake->swapped_cnt++] =
		(struct fake_swapped){.start = address, .end = address + size};
	fake->memory.leaves = leaves;
	fake->memory.find_touched = find_touched;
}

static int read_ranges(const struct memory *memory, struct memory_range *ranges, size_t cnt)
{
	struct fake_memory *fake = (struct fake_memory *)memory;

	fake->call_cnt++;
	if (fake->error)
		return fake->error;
	for (size_t i = 0; i < cnt; i++) {
		size_t done = 0, copied = 1;

		ranges[i].is_swapped = is_swapped(fake, ranges[i].address, ranges[i].size);
		for (; done < ranges[i].size && copied; done += copied)
			copied = copy_piece(fake, ranges[i].address + done,
					    (uint8_t *)ranges[i].buffer + done,
					    ranges[i].size - done);
		ranges[i].failed = ranges[i].is_swapped || done < ranges[i].size;
		if (ranges[i].failed) /* undefined, by the contract */
			memset(ranges[i].buffer, 0xa5, ranges[i].size);
	}
	return 0;
}

void fake_memory__init(struct fake_memory *fake)
{
	*fake = (struct fake_memory){.memory.read_ranges = read_ranges};
}

void fake_memory__release(struct fake_memory *fake)
{
	for (size_t i = 0; i < fake->range_cnt; i++)
		free(fake->ranges[i].bytes);
	free(fake->ranges);
	*fake = (struct fake_memory){};
}
