/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks whether the sizes and offsets that a type claims can be true.
 *
 * A type is memory of the target like any other, and whoever wrote it may claim anything: that a
 * list is 16 bytes long, that instances have their dict at the end of the address space. Code that
 * relies on one of Python's own layouts would then read past the end of the object. Such a type is
 * refused as a whole: no object is of that type.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct type_sizes {
	const char *name;		  /* tp_name */
	uint64_t flags;			  /* tp_flags */
	int64_t basic_size, item_size;	  /* tp_basicsize, tp_itemsize */
	int64_t weak_offset, dict_offset; /* tp_weaklistoffset, tp_dictoffset */
};

/* The largest basic size and item size, in bytes. */
#define TYPE_SIZE_MAX (1 << 20)

/*
 * Basic and item size are at most TYPE_SIZE_MAX. Both offsets are within an object of the basic
 * size, count from the end of an object, or stand for what Python manages in front of an object. A
 * type that claims to be of a built-in kind is at least as large as the part of that kind's layout
 * that is read (the structs in CPython's Include/, 2.7 to 3.15).
 */
bool type_sizes__are_plausible(const struct type_sizes *sizes);
