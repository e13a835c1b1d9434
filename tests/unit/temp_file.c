// SPDX-License-Identifier: BSD-2-Clause
#include "temp_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include "unit_test.h"

int temp_file__new(const void *bytes, size_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	return fd;
}
