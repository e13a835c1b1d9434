// SPDX-License-Identifier: BSD-2-Clause
#include "util/reader_gone.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "util/log.h"

static bool is_gone;

bool reader_gone__check(FILE *stream)
{
	struct pollfd at_other_end = {.fd = fileno(stream)};

	/*
	 * poll() reports POLLERR for a pipe without a reader and POLLHUP for a socket; errno may
	 * have been overwritten.
	 */
	if (!ferror(stream) || poll(&at_other_end, 1, 0) <= 0 ||
	    !(at_other_end.revents & (POLLERR | POLLHUP)))
		return false;
	is_gone = true;
	return true;
}

int reader_gone__flush_stdout(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	if (!reader_gone__check(stdout))
		log_error("cannot write to stdout: %s", strerror(errno));
	return -EIO;
}

void reader_gone__end(void)
{
	if (!is_gone)
		return;
	signal(SIGPIPE, SIG_DFL);
	raise(SIGPIPE);
}
