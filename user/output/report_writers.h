/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All report writers. Commands, --format and its help take them from here.
 *
 * To add one, write a file that defines its struct report_writer, and add a line to this list.
 */
#pragma once

#include "output/report_output.h"

#define REPORT_WRITERS(X) X(text) X(json) X(collapsed) X(pprof) X(database)

#define X(name) extern const struct report_writer report_writer_##name;
REPORT_WRITERS(X)
#undef X

/* The writer at index @place; NULL after the last one. */
const struct report_writer *report_writers__at(size_t place);

/* The names of the writers that take only the last report: "collapsed, pprof or database". */
struct report_writer_names {
	char text[128];
};

struct report_writer_names report_writers__at_end(void);
