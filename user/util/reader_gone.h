/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a program whose reader has gone, as that of `pyfrag query ... | head`: who reads has
 * what they want, so nothing is said, and the exit status is that of a program that SIGPIPE ended.
 * The signal itself is ignored until then: sockets get errors instead, and a trace first takes its
 * probes out.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/*
 * Whether writing to @stream has failed because it is a pipe or a socket whose reader has gone.
 * Remembers that for reader_gone__end().
 */
bool reader_gone__check(FILE *stream);

/*
 * Whether all that was written to stdout has gone out. Returns 0; or -EIO, after a line on stderr
 * unless its reader has gone.
 */
int reader_gone__flush_stdout(void);

/* If there was such a stream, ends this process as SIGPIPE does; else returns. */
void reader_gone__end(void);
