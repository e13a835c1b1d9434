/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arithmetic on numbers that a target controls: addresses, offsets, sizes, counts. A target can
 * write any 64 bits there, so a sum may wrap around and then pass a comparison that it should fail.
 * Each function here either computes the mathematical result or reports that it does not fit into
 * 64 bits.
 *
 * The checked_*() functions return whether the result fits, and only then store it in *out;
 * ignoring the return value is a compile-time error. The *_is_within() functions compute nothing
 * that can wrap around.
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

/* @address + @index * @item_size: the address of an array item. */
_must_check_ static inline bool checked_item(uint64_t address, uint64_t index, uint64_t item_size,
					     uint64_t *out)
{
	uint64_t offset;

	return checked_mul(index, item_size, &offset) && checked_add(address, offset, out);
}

/* @value rounded up to a multiple of @unit, which must not be 0. */
_must_check_ static inline bool checked_round_up(uint64_t value, uint64_t unit, uint64_t *out)
{
	uint64_t rest = value % unit;

	return checked_add(value, rest ? unit - rest : 0, out);
}

/* The absolute value. It is unsigned because an int64_t cannot hold that of INT64_MIN. */
static inline uint64_t magnitude(int64_t value)
{
	return value < 0 ? -(uint64_t)value : (uint64_t)value;
}

/* Whether [offset, offset + size) lies within a buffer of @total bytes. */
static inline bool part_is_within(uint64_t offset, uint64_t size, uint64_t total)
{
	return size <= total && offset <= total - size;
}

/* The same for a signed offset; a negative one is outside. */
static inline bool signed_part_is_within(int64_t offset, uint64_t size, uint64_t total)
{
	return offset >= 0 && part_is_within((uint64_t)offset, size, total);
}
