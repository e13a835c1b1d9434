// SPDX-License-Identifier: BSD-2-Clause
/*
 * Writes a profile of the stacks given on stdin.
 *
 * Usage: write_profile pprof|VALUE FILE, where VALUE is the name of a value, for collapsed stacks.
 *
 * Each line of input is a stack with fields separated by tabs: the values in the order of enum
 * profile_value, "truncated" or "whole", and for each frame, innermost first, "python" or "native",
 * its function, its file and its line.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/profile.h"
#include "output/collapsed.h"
#include "output/pprof.h"
#include "util/cleanup.h"
#include "util/out_file.h"

#define FRAMES_MAX 1000

static int fail(const char *what, int err)
{
	fprintf(stderr, "write_profile: %s: %s\n", what, strerror(-err));
	return 1;
}

static int add_line(struct profile *profile, char *line)
{
	static struct profile_frame frames[FRAMES_MAX];
	int64_t values[PROFILE_VALUE_CNT];
	bool truncated;
	size_t cnt = 0;
	char *kind;

	for (int i = 0; i < PROFILE_VALUE_CNT; i++)
		values[i] = strtoll(strsep(&line, "\t"), NULL, 10);
	truncated = !strcmp(strsep(&line, "\t"), "truncated");
	while ((kind = strsep(&line, "\t")) && cnt < FRAMES_MAX) {
		struct profile_frame *frame = &frames[cnt++];

		frame->kind = !strcmp(kind, "native") ? PROFILE_FRAME_NATIVE : PROFILE_FRAME_PYTHON;
		frame->function = strsep(&line, "\t");
		frame->file = strsep(&line, "\t");
		frame->line = (int32_t)strtol(strsep(&line, "\t"), NULL, 10);
	}
	return profile__add(profile, frames, cnt, truncated, values);
}

static int write_out(const struct profile *profile, const char *form, FILE *out)
{
	if (!strcmp(form, "pprof"))
		return pprof__write(profile, out);
	for (int i = 0; i < PROFILE_VALUE_CNT; i++)
		if (!strcmp(form, profile_value_types[i].name))
			return collapsed__write(profile, (enum profile_value)i, out);
	return -EINVAL;
}

int main(int argc, char **argv)
{
	const struct profile_info info = {
		.pid = 4242,
		.comm = "gunicorn",
		.python_version = "3.11.2",
		.time_ns = 1700000000000000000,
		.duration_ns = 90000000000,
		.sample_bytes = 524288,
	};
	_cleanup_(out_file__freep) struct out_file *file = NULL;
	_cleanup_(profile__freep) struct profile *profile = NULL;
	_cleanup_free_ char *line = NULL;
	struct failure failure;
	size_t capacity = 0;
	int err;

	if (argc != 3)
		return fail("usage: write_profile pprof|VALUE FILE", -EINVAL);
	err = profile__new(&profile, &info, NULL);
	while (!err && getline(&line, &capacity, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		err = add_line(profile, line);
	}
	if (!err && !feof(stdin))
		err = -errno;
	if (err)
		return fail("stdin", err);
	err = out_file__open(&file, argv[2], &failure);
	if (!err)
		err = write_out(profile, argv[1], file->stream);
	if (!err)
		err = out_file__commit(file);
	return err ? fail(argv[2], err) : 0;
}
