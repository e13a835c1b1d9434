/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handles a reader that closes the pipe early, as in `pyfrag query ... | head`. The reader has what
 * it wants, so pyfrag prints nothing and exits with the status of a program that SIGPIPE killed.
 * Until then the signal is ignored, so that writing to a socket returns an error, and a trace can
 * first remove its probes.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/*
 * Whether writing to @stream failed because it is a pipe or a socket whose reader is gone. The
 * result is remembered for reader_gone__end().
 */
bool reader_gone__check(FILE *stream);

/*
 * Flushes stdout. Returns 0, or -EIO if anything could not be written; logs the error unless the
 * reader is gone.
 */
int reader_gone__flush_stdout(void);

/* If the reader of such a stream is gone, ends this process as SIGPIPE would; else returns. */
void reader_gone__end(void);
