// SPDX-License-Identifier: BSD-2-Clause
/*
 * The format has no quoting. A line break would end a stack, but a profile contains none. A ';'
 * would end a frame, so it is replaced. A number at the end of the last frame would be taken for a
 * value (flamegraph.pl takes two numbers for a difference), so each frame ends with a bracket.
 */
#include "output/collapsed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "output/profile_report.h"
#include "output/report_writers.h"
#include "util/account.h"
#include "util/cleanup.h"

struct lines {
	char **items;
	size_t cnt;
};

static void release_lines(struct lines *lines)
{
	for (size_t i = 0; i < lines->cnt; i++)
		account__free(lines->items[i]);
	account__free(lines->items);
}

static void put_text(const char *text, FILE *out)
{
	for (; *text; text++)
		fputc(*text == ';' ? ':' : *text, out);
}

static void put_frame(const struct profile *profile, uint32_t id, FILE *out)
{
	const struct profile_location *location = &profile->locations[id];
	const struct profile_function *function = &profile->functions[location->function];
	const char *file = profile->strings.texts[function->file];

	put_text(profile->strings.texts[function->name], out);
	if (function->kind == PROFILE_FRAME_MARK)
		return;
	fputs(" (", out);
	put_text(*file ? file : "?", out);
	if (location->line)
		fprintf(out, ":%" PRId32, location->line);
	fputc(')', out);
}

static char *render_stack(const struct profile *profile, const struct profile_stack *stack,
			  enum profile_value value)
{
	const uint32_t *ids = profile->stack_locations + stack->first;
	char *text = NULL;
	bool failed;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (size_t i = stack->cnt; i > 0; i--) {
		put_frame(profile, ids[i - 1], out);
		fputc(i > 1 ? ';' : ' ', out);
	}
	fprintf(out, "%" PRId64, stack->values[value]);
	failed = ferror(out); /* fclose() does not report that the text could not grow */
	if (fclose(out) || failed) {
		free(text);
		return NULL;
	}
	return text;
}

/*
 * The lines together are many times larger than the profile, which stores each name only once:
 * hence the account.
 */
static int add_line(struct lines *lines, const struct profile *profile,
		    const struct profile_stack *stack, enum profile_value value)
{
	_cleanup_free_ char *text = render_stack(profile, stack, value);
	char *line;

	if (!text)
		return -ENOMEM;
	line = account__strdup(profile->account, text);
	if (!line)
		return -errno;
	lines->items[lines->cnt++] = line;
	return 0;
}

static int compare_lines(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

int collapsed__write(const struct profile *profile, enum profile_value value, FILE *out)
{
	_cleanup_(release_lines) struct lines lines = {};
	int err = 0;

	lines.items =
		account__calloc(profile->account, profile->stack_cnt + 1, sizeof(*lines.items));
	if (!lines.items)
		return -errno;
	for (size_t i = 0; i < profile->stack_cnt && !err; i++)
		if (profile->stacks[i].values[value])
			err = add_line(&lines, profile, &profile->stacks[i], value);
	if (err)
		return err;
	qsort(lines.items, lines.cnt, sizeof(*lines.items), compare_lines);
	errno = 0;
	for (size_t i = 0; i < lines.cnt; i++)
		fprintf(out, "%s\n", lines.items[i]);
	if (fflush(out) || ferror(out))
		return errno ? -errno : -EIO;
	return 0;
}

static int format(const struct profile *profile, const struct output_options *options, FILE *out)
{
	return collapsed__write(profile, options->value, out);
}

static int write_report(struct report_output *output, const struct report *report,
			struct failure *failure)
{
	return profile_report__write(output, report, format, failure);
}

const struct report_writer report_writer_collapsed = {
	.name = "collapsed",
	.summary = "allocation sites as collapsed stacks, written once, when the trace ends",
	.noun = "profile",
	.at_end = true,
	.needs_sites = true,
	.takes_value = true,
	.begin = report_output__open_file,
	.write = write_report,
	.end = report_output__commit_file,
};
