// SPDX-License-Identifier: BSD-2-Clause
#include "output/sqlite_file.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* SQLite looks for a file of this name, and there is none. */
#define PREFIX "/.pyfrag-descriptor/"

typedef int open_fn(const char *path, int flags, int mode);

static open_fn *open_before;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int open_descriptor(const char *path, int flags, int mode)
{
	if (strncmp(path, PREFIX, strlen(PREFIX)) != 0)
		return open_before(path, flags, mode);
	return fcntl((int)strtol(path + strlen(PREFIX), NULL, 10), F_DUPFD_CLOEXEC, 3);
}

static void replace_open(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	if (!vfs || vfs->iVersion < 3)
		return;
	open_before = (open_fn *)vfs->xGetSystemCall(vfs, "open");
	if (vfs->xSetSystemCall(vfs, "open", (sqlite3_syscall_ptr)open_descriptor) != SQLITE_OK)
		open_before = NULL;
}

void sqlite_file__name(char name[SQLITE_FILE_NAME_BYTES], int fd)
{
	snprintf(name, SQLITE_FILE_NAME_BYTES, "file:" PREFIX "%d?immutable=1", fd);
}

int sqlite_file__open(sqlite3 **out, int fd, int flags)
{
	char name[SQLITE_FILE_NAME_BYTES];

	if (!sqlite3_initialize())
		pthread_once(&once, replace_open);
	if (!open_before)
		return SQLITE_CANTOPEN;
	sqlite_file__name(name, fd);
	if (!(flags & SQLITE_OPEN_READONLY))
		*strchr(name, '?') = '\0';
	return sqlite3_open_v2(name, out, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
}
