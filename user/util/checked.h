/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arithmetic on numbers that a target chose: addresses, offsets, sizes, counts. A target can put
 * any 64 bits there, so a sum may wrap around and then pass a comparison that it should fail. Each
 * function here either computes the mathematical result or says that 64 bits do not hold it.
 *
 * The functions named checked_*() return whether the result fits, and store it in *out only then; a
 * caller that does not look at that does not compile. Those named *_is_within() compute nothing
 * that can wrap.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define _must_check_ __attribute__((warn_unused_result))

_must_check_ static inline bool checked_add(uint64_t a, uint64_t b, uint64_t *out)
{
	uint64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return false;
	*out = sum;
	return true;
}

/* @a - @b; false if that is negative. */
_must_check_ static inline bool checked_sub(uint64_t a, uint64_t b, uint64_t *out)
{
	uint64_t difference;

	if (__builtin_sub_overflow(a, b, &difference))
		return false;
	*out = difference;
	return true;
}

_must_check_ static inline bool checked_mul(uint64_t a, uint64_t b, uint64_t *out)
{
	uint64_t product;

	if (__builtin_mul_overflow(a, b, &product))
		return false;
	*out = product;
	return true;
}

_must_check_ static inline bool checked_add_signed(int64_t a, int64_t b, int64_t *out)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return false;
	*out = sum;
	return true;
}

/* @address + @index * @item_size: where an item of an array is. */
_must_check_ static inline bool checked_item(uint64_t address, uint64_t index, uint64_t item_size,
					     uint64_t *out)
{
	uint64_t offset;

	return checked_mul(index, item_size, &offset) && checked_add(address, offset, out);
}

/* @value rounded up to a multiple of @unit, which is not 0. */
_must_check_ static inline bool checked_round_up(uint64_t value, uint64_t unit, uint64_t *out)
{
	uint64_t rest = value % unit;

	return checked_add(value, rest ? unit - rest : 0, out);
}

/* Without its sign; that of INT64_MIN has no place in an int64_t. */
static inline uint64_t magnitude(int64_t value)
{
	return value < 0 ? -(uint64_t)value : (uint64_t)value;
}

/* Whether [offset, offset + size) is part of [0, total): of a buffer of @total bytes. */
static inline bool part_is_within(uint64_t offset, uint64_t size, uint64_t total)
{
	return size <= total && offset <= total - size;
}

/* The same for an offset that may be negative, and then is outside. */
static inline bool signed_part_is_within(int64_t offset, uint64_t size, uint64_t total)
{
	return offset >= 0 && part_is_within((uint64_t)offset, size, total);
}
