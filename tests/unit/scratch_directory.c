// SPDX-License-Identifier: BSD-2-Clause
#include "scratch_directory.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[32];

int scratch_directory__enter(void)
{
	strcpy(path, "/tmp/pyfrag-test.XXXXXX");
	return mkdtemp(path) && !chdir(path) ? 0 : -1;
}

int scratch_directory__leave(void)
{
	return chdir("/") || rmdir(path) ? -1 : 0;
}

const char *scratch_directory__path(void)
{
	return path;
}
