// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/heap_database.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output/database.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/out_file.h"
#include "util/regular_file.h"
#include "util/units.h"

static void show_progress(uint64_t done_rows, uint64_t all_rows)
{
	log_progress("writing the database: %s of about %s rows", units__count(done_rows).text,
		     units__count(all_rows).text);
}

struct heap_database_of heap_database_of__snapshot(const struct heap_snapshot *snapshot)
{
	return (struct heap_database_of){
		.output = &snapshot->output,
		.findings = &snapshot->findings,
		.heap = snapshot->reading.heap,
		.census = &snapshot->census,
	};
}

static int write_content(int fd, const struct heap_database_of *of, const struct options *options,
			 struct failure *failure)
{
	char host[OUTPUT_HOST_BYTES];
	const struct report report = output__describe(of->output, of->findings, host);
	const struct database_content content = {
		.report = &report,
		.heap = of->heap,
		.graph = of->census->graph,
		.roots = &of->census->roots,
		.retention = of->census->retention,
		.ledger = of->ledger,
		.no_values = options->no_values,
		.progress = show_progress,
	};
	int err = database__write(fd, &content, failure);

	log_progress_done();
	return err;
}

int heap_database__write(const char *path, const struct heap_database_of *of,
			 const struct options *options, struct failure *failure)
{
	_cleanup_(out_file__freep) struct out_file *file = NULL;
	struct failure cause;
	int err = out_file__open(&file, path, failure);

	if (err)
		return err;
	err = write_content(fileno(file->stream), of, options, &cause);
	if (err)
		return failure__set(failure, err, "cannot write %.500s: %s", path, cause.text);
	err = out_file__commit(file);
	return err ? failure__set(failure, err, "cannot write %.500s: %s", path, strerror(-err))
		   : 0;
}

/* The process id that @text is; 0: it is none. */
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

/* A file that has no name. */
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

static int write_temporary(pid_t pid, const struct options *given, struct failure *failure)
{
	_cleanup_(heap_snapshot__release) struct heap_snapshot snapshot = {};
	_cleanup_close_ int fd = -1;
	struct heap_database_of of;
	struct options options = *given;
	int err;

	options.with_database = true;
	err = heap_snapshot__take(&snapshot, pid, &options, failure);
	if (err)
		return err;
	fd = open_temporary(failure);
	if (fd < 0)
		return fd;
	of = heap_database_of__snapshot(&snapshot);
	err = write_content(fd, &of, &options, failure);
	return err ? err : TAKE_FD(fd);
}

int heap_database__open(const char *text, const struct options *options, struct failure *failure)
{
	pid_t pid = parse_pid(text);

	return pid ? write_temporary(pid, options, failure)
		   : regular_file__open("cannot open", text, failure);
}
