/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the reports of a command go, and the writer for them.
 *
 * A writer writes a report in one format: text, JSON, a profile. It declares what it needs of a
 * report, and whether it takes one at each interval or only the last one. To add a writer, see
 * report_writers.h.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "output/output_options.h"
#include "output/report.h"
#include "util/failure.h"
#include "util/out_file.h"

struct report_output;
struct sqlite3_stmt;

struct report_writer {
	const char *name;    /* for --format */
	const char *summary; /* for --help: a few words on what it writes */
	const char *noun;    /* for error messages: "report", "profile" */
	bool at_end;	     /* takes only the last report of a trace, not one per interval */
	bool needs_sites;    /* needs all allocation sites, and has nothing to write without them */
	bool needs_graph;    /* needs report.contents */
	bool needs_file;     /* cannot be written to stdout */
	bool is_binary;	     /* must not go to a terminal */
	bool takes_value;    /* writes one value per stack: output_options.value */
	/*
	 * All return 0 or negative errno. Errors are described; the description is empty if the
	 * reader of the output is gone (util/reader_gone.h).
	 *
	 * @begin prepares output->stream before anything is read (NULL: stdout is used). @end
	 * completes the output after the last report (NULL: nothing to do). @release frees
	 * output->state (NULL: there is none).
	 */
	int (*begin)(struct report_output *output, struct failure *failure);
	int (*write)(struct report_output *output, const struct report *report,
		     struct failure *failure);
	int (*end)(struct report_output *output, struct failure *failure);
	void (*release)(void *state);
	/* Writes the rows of a database query, see rows.h; NULL: not supported. */
	int (*write_rows)(struct sqlite3_stmt *statement, FILE *out, int *result);
};

struct report_output {
	const struct report_writer *writer;
	const struct output_options *options;
	FILE *stream;
	struct out_file *file; /* owned; NULL: the stream belongs to someone else */
	void *state;	       /* the writer's own, kept between reports */
	uint64_t report_cnt;   /* reports written so far */
};

/*
 * Opens the output. @options must outlive it. Errors are described. The caller releases the output
 * in any case; without report_output__end() no new file is left behind.
 */
int report_output__open(struct report_output *output, const struct report_writer *writer,
			const struct output_options *options, struct failure *failure);
void report_output__release(struct report_output *output);

/* Writes one report. Errors as in struct report_writer. */
int report_output__write(struct report_output *output, const struct report *report,
			 struct failure *failure);

/* Completes the output after the last report; does nothing if there was none. Errors as above. */
int report_output__end(struct report_output *output, struct failure *failure);

/*
 * For writers: open the file that the options name, or stdout; and complete it. The file gets its
 * name only in the second step, so it is either complete or absent.
 */
int report_output__open_file(struct report_output *output, struct failure *failure);
int report_output__commit_file(struct report_output *output, struct failure *failure);

/* For writers: describes why writing to the stream failed. Returns @err. */
int report_output__describe(struct report_output *output, int err, struct failure *failure);
