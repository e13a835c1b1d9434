/* SPDX-License-Identifier: BSD-2-Clause */
/* Mappings of a fake process, as its /proc/PID/maps would show them. */
#pragma once

#include "target/mapping.h"

/* Writable; of a file if @path begins with a slash. @path is not copied. */
static inline struct mapping fake_mapping(uint64_t start, uint64_t size, const char *path)
{
	return (struct mapping){.start = start,
				.end = start + size,
				.inode = *path == '/',
				.readable = true,
				.writable = true,
				.path = path};
}
