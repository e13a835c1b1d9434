// SPDX-License-Identifier: BSD-2-Clause
#include "hello_writer.h"

#include <errno.h>
#include <stdlib.h>

#include "util/cleanup.h"

/* State kept from one report to the next. */
struct hello {
	int cnt;
};

static int begin(struct report_output *output, struct failure *failure)
{
	output->state = calloc(1, sizeof(struct hello));
	return output->state ? report_output__open_file(output, failure)
			     : failure__set(failure, -ENOMEM, "out of memory");
}

static int write_hello(struct report_output *output, const struct report *report,
		       struct failure *failure)
{
	struct hello *hello = output->state;

	hello->cnt++;
	return fprintf(output->stream, "hello %s\n", report->target->comm) < 0
		       ? report_output__describe(output, -EIO, failure)
		       : 0;
}

static int end(struct report_output *output, struct failure *failure)
{
	const struct hello *hello = output->state;

	fprintf(output->stream, "%d times\n", hello->cnt);
	return report_output__commit_file(output, failure);
}

const struct report_writer report_writer_hello = {
	.name = "hello",
	.summary = "a greeting",
	.noun = "greeting",
	.begin = begin,
	.write = write_hello,
	.end = end,
	.release = free,
};
