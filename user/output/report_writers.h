/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All ways to write a report. Commands, the option --format and its help know them from here only.
 *
 * To add one: a file that defines its struct report_writer, and a line in this list.
 */
#pragma once

#include "output/report_output.h"

#define REPORT_WRITERS(X) X(text) X(json) X(collapsed) X(pprof) X(database)

#define X(name) extern const struct report_writer report_writer_##name;
REPORT_WRITERS(X)
#undef X

/* The one at @place of the list; NULL behind the last one. */
const struct report_writer *report_writers__at(size_t place);

/* The names of those that take the last report only: "collapsed, pprof or database". */
struct report_writer_names {
	char text[128];
};

struct report_writer_names report_writers__at_end(void);
