/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the reports of a command go, and the writer that puts them there.
 *
 * A writer is one way to write a report: as text, as JSON, as a profile. It says what it needs of a
 * report, whether it takes one at each interval or only the last one, and writes it. To add one,
 * see report_writers.h.
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
	const char *name;    /* as --format has it */
	const char *summary; /* for --help: a few words on what is written */
	const char *noun;    /* for error messages: "report", "profile" */
	bool at_end;	     /* takes the last report of a trace; else one at each interval */
	bool needs_sites;    /* allocation sites, all of them; there is nothing to write without */
	bool needs_graph;    /* struct report's contents */
	bool needs_file;     /* cannot be written to stdout */
	bool is_binary;	     /* not for a terminal */
	bool takes_value;    /* writes one value of each stack: struct output_options' value */
	/*
	 * All return 0 or negative errno. Errors are described, with an empty text if the reader of
	 * the output has gone (util/reader_gone.h).
	 *
	 * @begin prepares output->stream before anything is read; NULL: it is stdout. @end
	 * completes the output after the last report; NULL: there is nothing to do. @release frees
	 * output->state; NULL: there is none.
	 */
	int (*begin)(struct report_output *output, struct failure *failure);
	int (*write)(struct report_output *output, const struct report *report,
		     struct failure *failure);
	int (*end)(struct report_output *output, struct failure *failure);
	void (*release)(void *state);
	/* The rows of an answer from a database, see rows.h; NULL: it cannot write those. */
	int (*write_rows)(struct sqlite3_stmt *statement, FILE *out, int *result);
};

struct report_output {
	const struct report_writer *writer;
	const struct output_options *options;
	FILE *stream;
	struct out_file *file; /* owned; NULL: the stream belongs to somebody else */
	void *state;	       /* the writer's own, from one report to the next */
	uint64_t report_cnt;   /* written by now */
};

/*
 * Begins. @options must outlive the output. Errors are described. The caller releases in any case:
 * without report_output__end() no new file is left.
 */
int report_output__open(struct report_output *output, const struct report_writer *writer,
			const struct output_options *options, struct failure *failure);
void report_output__release(struct report_output *output);

/* Writes one report. Errors as struct report_writer has them. */
int report_output__write(struct report_output *output, const struct report *report,
			 struct failure *failure);

/* After the last report, if there was any. As above. */
int report_output__end(struct report_output *output, struct failure *failure);

/*
 * For writers: opens the file that the options name, or stdout, to be complete or not there at all;
 * and gives it its name.
 */
int report_output__open_file(struct report_output *output, struct failure *failure);
int report_output__commit_file(struct report_output *output, struct failure *failure);

/* For writers: describes why the stream did not take everything. Returns @err. */
int report_output__describe(struct report_output *output, int err, struct failure *failure);
