// SPDX-License-Identifier: BSD-2-Clause
#include "output/report_output.h"

#include <string.h>

#include "util/cleanup.h"
#include "util/log.h"
#include "util/reader_gone.h"

int report_output__open(struct report_output *output, const struct report_writer *writer,
			const struct output_options *options, struct failure *failure)
{
	*output = (struct report_output){.writer = writer, .options = options, .stream = stdout};
	return writer->begin ? writer->begin(output, failure) : 0;
}

void report_output__release(struct report_output *output)
{
	if (output->writer && output->writer->release)
		output->writer->release(TAKE_PTR(output->state));
	out_file__free(TAKE_PTR(output->file));
}

int report_output__write(struct report_output *output, const struct report *report,
			 struct failure *failure)
{
	int err;

	log_progress_done();
	err = output->writer->write(output, report, failure);
	output->report_cnt += !err;
	return err;
}

int report_output__end(struct report_output *output, struct failure *failure)
{
	return output->report_cnt && output->writer->end ? output->writer->end(output, failure) : 0;
}

int report_output__open_file(struct report_output *output, struct failure *failure)
{
	const char *path = output->options->path;
	int err = path ? out_file__open(&output->file, path, failure)
		       : out_file__stdout(&output->file, failure);

	if (!err)
		output->stream = output->file->stream;
	return err;
}

int report_output__commit_file(struct report_output *output, struct failure *failure)
{
	int err = out_file__commit(output->file);

	output->stream = output->file->stream; /* NULL if it was closed */
	return err ? report_output__describe(output, err, failure) : 0;
}

int report_output__describe(struct report_output *output, int err, struct failure *failure)
{
	*failure->text = '\0';
	if (output->stream && reader_gone__check(output->stream))
		return err;
	return failure__set(failure, err, "cannot write the %s to %s: %s", output->writer->noun,
			    output->file ? output->file->path : "stdout", strerror(-err));
}
