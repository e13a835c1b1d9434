// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/heap_database.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report/database.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/out_file.h"
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

static int write_content(const char *path, const struct heap_database_of *of,
			 const struct options *options, struct failure *failure)
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
	int err = database__write(path, &content, failure);

	log_progress_done();
	return err;
}

static int describe_error(const char *path, int err, struct failure *failure)
{
	return failure__set(failure, err, "cannot write %s: %s", path, strerror(-err));
}

int heap_database__write(const char *path, const struct heap_database_of *of,
			 const struct options *options, struct failure *failure)
{
	_cleanup_(out_file__freep) struct out_file *file = NULL;
	struct failure cause;
	int err = out_file__open(&file, path);

	if (err)
		return describe_error(path, err, failure);
	if (!file->temporary)
		return failure__set(failure, -EINVAL,
				    "cannot write %s: a database has to be a file", path);
	err = write_content(file->temporary, of, options, &cause);
	if (err)
		return failure__set(failure, err, "cannot write %s: %s", path, cause.text);
	err = out_file__commit(file);
	return err ? describe_error(path, err, failure) : 0;
}

void heap_database__release(struct heap_database *database)
{
	if (database->path && database->is_temporary)
		unlink(database->path);
	free(database->path);
	*database = (struct heap_database){};
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

static int make_temporary(struct heap_database *out, struct failure *failure)
{
	const char *directory = getenv("TMPDIR");
	int fd;

	if (asprintf(&out->path, "%s/pyfrag-XXXXXX", directory ? directory : "/tmp") < 0) {
		out->path = NULL;
		return failure__set(failure, -ENOMEM, "out of memory");
	}
	fd = mkstemp(out->path);
	if (fd < 0)
		return describe_error(out->path, -errno, failure);
	close(fd);
	out->is_temporary = true;
	return 0;
}

int heap_database__of(struct heap_database *out, const char *text, const struct options *given,
		      struct failure *failure)
{
	_cleanup_(heap_snapshot__release) struct heap_snapshot snapshot = {};
	struct heap_database_of of;
	struct options options = *given;
	pid_t pid = parse_pid(text);
	int err;

	if (!pid) {
		out->path = strdup(text);
		return out->path ? 0 : failure__set(failure, -ENOMEM, "out of memory");
	}
	options.with_database = true;
	err = heap_snapshot__take(&snapshot, pid, &options, failure);
	if (!err)
		err = make_temporary(out, failure);
	if (err)
		return err;
	of = heap_database_of__snapshot(&snapshot);
	return write_content(out->path, &of, &options, failure);
}
