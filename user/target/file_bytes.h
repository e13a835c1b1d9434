/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads parts of a file that somebody else may have written, and may be writing now. Offsets and
 * sizes come from the file itself, so both are checked against its actual size each time, and
 * reading uses pread(2): a file that shrinks causes an error, not a signal. Most of a file may be
 * holes, terabytes of them: they are skipped and take no memory.
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
 * Allocates @size bytes and reads them at @offset; holes of the file are zero, and the memory for
 * them is not touched. Returns 0 and *out, which the caller frees; -ENOEXEC: the file ends before,
 * which is checked before anything is allocated; -ENOMEM; or negative errno.
 */
int file_bytes__read(int fd, uint64_t offset, uint64_t size, uint8_t **out);

/*
 * The first offset from @offset on at which the file has data; @offset itself if its file system
 * does not report holes; UINT64_MAX if there is none.
 */
uint64_t file_bytes__next_data(int fd, uint64_t offset);
