/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pieces of a file that somebody else may have written, and may be writing now. Where they lie is
 * what the file itself says, so both are checked against its real size each time, and reading is by
 * pread(2): a file that shrinks is an error, not a signal. A file may be holes for the most part,
 * terabytes of them: they are passed over, and take no memory.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Reads all of @buffer at @offset. Returns 0; -ENOEXEC: the file ends before; -ETIME: the thread's
 * allowance of CPU time is used up (util/cpu_allowance.h); or negative errno.
 */
int file_bytes__read_at(int fd, uint64_t offset, void *buffer, size_t size);

/*
 * Allocates @size bytes and reads them at @offset; where the file has a hole they are zero, and not
 * touched. Returns 0 and *out, the caller's to free; -ENOEXEC: the file ends before, and nothing
 * was allocated; -ENOMEM; or negative errno.
 */
int file_bytes__read(int fd, uint64_t offset, uint64_t size, uint8_t **out);

/*
 * Where from @offset on the file has data; @offset itself if its file system does not know holes;
 * UINT64_MAX: nowhere.
 */
uint64_t file_bytes__next_data(int fd, uint64_t offset);
