// SPDX-License-Identifier: BSD-2-Clause
#include "target/memory.h"

#include <errno.h>

#include "util/cpu_allowance.h"

int memory__read_ranges(const struct memory *memory, struct memory_range *ranges, size_t cnt)
{
	int err = cpu_allowance__check();

	for (size_t i = 0; i < cnt; i++)
		ranges[i].is_swapped = false;
	return err ? err : memory->read_ranges(memory, ranges, cnt);
}

int memory__read(const struct memory *memory, uint64_t address, void *buffer, size_t size)
{
	struct memory_range range = {.address = address, .buffer = buffer, .size = size};
	int err = memory__read_ranges(memory, &range, 1);

	if (err)
		return err;
	return range.failed ? -EFAULT : 0;
}

bool memory__leaves(const struct memory *memory, uint64_t address)
{
	return memory->leaves && memory->leaves(memory, address);
}

uint64_t memory__left_bytes(const struct memory *memory)
{
	return memory->left_bytes ? memory->left_bytes(memory) : 0;
}

bool memory__has_left(const struct memory *memory)
{
	return memory->has_left && memory->has_left(memory);
}

void memory__forget_left(const struct memory *memory)
{
	if (memory->forget_left)
		memory->forget_left(memory);
}

int memory__find_touched(const struct memory *memory, uint64_t start, uint64_t end,
			 memory_run_fn *take, void *context)
{
	return memory->find_touched ? memory->find_touched(memory, start, end, take, context)
				    : -ENODATA;
}
