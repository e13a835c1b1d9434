// SPDX-License-Identifier: BSD-2-Clause
#include "target/file_bytes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/cpu_allowance.h"

int file_bytes__read_at(int fd, uint64_t offset, void *buffer, size_t size)
{
	size_t done = 0;

	if (offset > INT64_MAX - size)
		return -ENOEXEC;
	while (done < size) {
		int err = cpu_allowance__check();
		ssize_t got;

		if (err)
			return err;
		got = pread(fd, (uint8_t *)buffer + done, size - done, (off_t)(offset + done));
		if (got < 0)
			return -errno;
		if (got == 0)
			return -ENOEXEC; /* shorter than its headers say */
		done += (size_t)got;
	}
	return 0;
}

/* Whether the file currently contains this range. */
static bool holds(int fd, uint64_t offset, uint64_t size)
{
	struct stat status;

	return !fstat(fd, &status) && status.st_size >= 0 && size <= (uint64_t)status.st_size &&
	       offset <= (uint64_t)status.st_size - size;
}

uint64_t file_bytes__next_data(int fd, uint64_t offset)
{
	off_t at = offset > INT64_MAX ? -1 : lseek(fd, (off_t)offset, SEEK_DATA);

	if (at >= 0)
		return (uint64_t)at;
	return offset > INT64_MAX || errno == ENXIO ? UINT64_MAX : offset;
}

/* Where the data at @offset ends, @end at the latest. */
static uint64_t end_of_data(int fd, uint64_t offset, uint64_t end)
{
	off_t hole = lseek(fd, (off_t)offset, SEEK_HOLE);

	return hole > (off_t)offset && (uint64_t)hole < end ? (uint64_t)hole : end;
}

int file_bytes__read(int fd, uint64_t offset, uint64_t size, uint8_t **out)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	uint64_t end = offset + size, at = offset;

	if (!holds(fd, offset, size))
		return -ENOEXEC;
	bytes = calloc(1, size ? size : 1);
	if (!bytes)
		return -ENOMEM;
	while (at < end && (at = file_bytes__next_data(fd, at)) < end) {
		uint64_t data_end = end_of_data(fd, at, end);
		int err = file_bytes__read_at(fd, at, bytes + (at - offset), data_end - at);

		if (err)
			return err;
		at = data_end;
	}
	/* The file may have shrunk: bytes beyond its end are not a hole. */
	if (!holds(fd, offset, size))
		return -ENOEXEC;
	*out = TAKE_PTR(bytes);
	return 0;
}
