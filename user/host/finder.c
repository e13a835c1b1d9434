// SPDX-License-Identifier: BSD-2-Clause
#include "host/finder.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "host/python_files.h"
#include "target/live.h"
#include "target/reading_allowance.h"
#include "util/cleanup.h"
#include "util/text.h"

struct finder {
	struct host_filter filter;
	struct account *total;
	bool reads_swapped;
	regex_t match;
	bool has_match;
	struct python_files *files;
};

void finder__free(struct finder *finder)
{
	if (!finder)
		return;
	python_files__free(finder->files);
	if (finder->has_match)
		regfree(&finder->match);
	free(finder);
}

static void finder__freep(struct finder **finder)
{
	finder__free(*finder);
}

/*
 * Whether @pattern has a back-reference (\1), which glibc accepts in extended expressions, too.
 * Matching one may take exponential time, and the processes choose their command lines.
 */
static bool has_back_reference(const char *pattern)
{
	for (const char *at = pattern; (at = strchr(at, '\\')) && at[1]; at += 2)
		if (at[1] >= '1' && at[1] <= '9')
			return true;
	return false;
}

int finder__new(struct finder **out, const struct host_filter *filter, struct account *total,
		bool reads_swapped, struct failure *failure)
{
	_cleanup_(finder__freep) struct finder *finder = calloc(1, sizeof(*finder));

	if (!finder || python_files__new(&finder->files, PYTHON_FILES_BYTES_MAX))
		return failure__set(failure, -ENOMEM, "out of memory");
	finder->filter = *filter;
	finder->total = total;
	finder->reads_swapped = reads_swapped;
	if (filter->match && has_back_reference(filter->match))
		return failure__set(
			failure, -EINVAL,
			"--match: '%s' has a back-reference, and matching it may take too long; "
			"write an expression without \\1 to \\9",
			filter->match);
	if (filter->match && regcomp(&finder->match, filter->match, REG_EXTENDED | REG_NOSUB))
		return failure__set(failure, -EINVAL,
				    "--match: '%s' is not a regular expression (POSIX, extended)",
				    filter->match);
	finder->has_match = filter->match != NULL;
	*out = TAKE_PTR(finder);
	return 0;
}

/* Returns -1 when out of memory. */
static int command_line_matches(const struct finder *finder, const struct target *target)
{
	_cleanup_free_ char *text = NULL;

	if (!finder->has_match)
		return true;
	text = text__join(target->cmdline);
	return text ? !regexec(&finder->match, text, 0, NULL, 0) : -1;
}

static int is_wanted(const struct finder *finder, const struct target *target)
{
	const struct host_filter *filter = &finder->filter;

	if ((filter->comm && strcmp(filter->comm, target->comm) != 0) ||
	    (filter->cgroup && !strstr(target->cgroup, filter->cgroup)))
		return false;
	return command_line_matches(finder, target);
}

int finder__look(struct finder *finder, pid_t pid, struct watched **out, struct failure *failure)
{
	_cleanup_(target__freep) struct target *target = NULL;
	_cleanup_(watched__freep) struct watched *watched = NULL;
	bool is_python;
	int err;

	*out = NULL;
	err = live__open(&target, pid, failure);
	if (err == -EMFILE || err == -ENFILE)
		return err;
	/* The process has exited, or it is a kernel thread. */
	if (err || !target->map_cnt)
		return 0;
	err = python_files__find(finder->files, target, &is_python);
	if (err == -ETIME)
		return reading_allowance__describe(pid, failure);
	if (err)
		return failure__set(failure, err, "out of memory");
	if (!is_python)
		return -EAGAIN;
	err = is_wanted(finder, target);
	if (err < 0)
		return failure__set(failure, -ENOMEM, "out of memory");
	if (!err)
		return 0;
	err = watched__new(&watched, pid, finder->total, finder->reads_swapped, failure);
	if (err)
		return err == -ESRCH ? 0 : err;
	if (!finder->filter.user || !strcmp(finder->filter.user, watched->identity.user))
		*out = TAKE_PTR(watched);
	return 0;
}

uint64_t finder__files_left_out(const struct finder *finder)
{
	return python_files__left_out_cnt(finder->files);
}
