// SPDX-License-Identifier: BSD-2-Clause
#include "snapshot/heap_database.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output/database.h"
#include "snapshot/heap_snapshot.h"
#include "util/cleanup.h"
#include "util/regular_file.h"

/* Parses @text as a process id; 0: it is not one. */
static pid_t parse_pid(const char *text)
{
	char *end;
	long pid;

	if (!isdigit((unsigned char)*text))
		return 0;
	errno = 0;
	pid = strtol(text, &end, 10);
	return errno || *end || pid > INT_MAX ? 0 : (pid_t)pid;
}

/* Creates a temporary file and removes its name. */
static int open_temporary(struct failure *failure)
{
	const char *directory = getenv("TMPDIR");
	_cleanup_free_ char *path = NULL;
	int fd;

	if (asprintf(&path, "%s/pyfrag-XXXXXX", directory ? directory : "/tmp") < 0) {
		path = NULL;
		return failure__set(failure, -ENOMEM, "out of memory");
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return failure__set(failure, -errno, "cannot write %.500s: %s", path,
				    strerror(errno));
	unlink(path);
	return fd;
}

static int write_temporary(pid_t pid, const struct snapshot_options *given, struct failure *failure)
{
	_cleanup_(heap_snapshot__release) struct heap_snapshot snapshot = {};
	_cleanup_close_ int fd = -1;
	struct snapshot_options options = *given;
	int err;

	options.census.with_graph = true;
	err = heap_snapshot__take_live(&snapshot, pid, &options, failure);
	if (err)
		return err;
	fd = open_temporary(failure);
	if (fd < 0)
		return fd;
	err = database__write(fd, &snapshot.report, failure);
	return err ? err : TAKE_FD(fd);
}

int heap_database__open(const char *text, const struct snapshot_options *options,
			struct failure *failure)
{
	pid_t pid = parse_pid(text);

	return pid ? write_temporary(pid, options, failure)
		   : regular_file__open("cannot open", text, failure);
}
