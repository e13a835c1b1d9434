// SPDX-License-Identifier: BSD-2-Clause
#include "util/memory_limit.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"

/* cgroup v2 and v1. */
static const struct hierarchy {
	const char *type;	/* file system type */
	const char *controller; /* NULL: the hierarchy has all controllers */
	const char *file;
} hierarchies[] = {
	{"cgroup2", NULL, "memory.max"},
	{"cgroup", "memory", "memory.limit_in_bytes"},
};

/* Whether @word is in the comma-separated @list. */
static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (; list; list = strchr(list, ',')) {
		list += *list == ',';
		if (!strncmp(list, word, length) && (!list[length] || list[length] == ','))
			return true;
	}
	return false;
}

static FILE *open_below(const char *root, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s", root, name);
	return fopen(path, "re");
}

/*
 * Finds this process's group in a hierarchy (/proc/PID/cgroup, cgroups(7)). Returns whether it has
 * one.
 */
static bool find_group(const char *root, const struct hierarchy *hierarchy, char group[PATH_MAX])
{
	_cleanup_fclose_ FILE *file = open_below(root, "/proc/self/cgroup");
	_cleanup_free_ char *line = NULL;
	size_t capacity = 0;

	while (file && getline(&line, &capacity, file) > 0) {
		char *at = line, *number = strsep(&at, ":"), *controllers = strsep(&at, ":");

		if (!at || (hierarchy->controller ? !has_word(controllers, hierarchy->controller)
						  : strcmp(number, "0") != 0 || *controllers))
			continue;
		snprintf(group, PATH_MAX, "%.*s", (int)strcspn(at, "\n"), at);
		return true;
	}
	return false;
}

struct mount {
	char *group; /* the group that is mounted */
	char *place;
	char *type, *options;
};

/* Parses a line of /proc/PID/mountinfo (proc_pid_mountinfo(5)), and modifies it. */
static bool parse_mount(char *line, struct mount *out)
{
	char *at = line, *word = NULL;

	for (int i = 0; i < 5; i++) {
		word = strsep(&at, " ");
		if (i == 3)
			out->group = word;
	}
	out->place = word;
	while (at && (word = strsep(&at, " ")) && strcmp(word, "-") != 0)
		;
	out->type = strsep(&at, " ");
	strsep(&at, " ");
	out->options = strsep(&at, "\n");
	return out->place && out->options;
}

/* The path of @group relative to the mounted group; "" if @group is outside of it. */
static const char *below(const char *group, const char *mounted)
{
	size_t length = strcmp(mounted, "/") != 0 ? strlen(mounted) : 0;

	if (!strncmp(group, "/..", 3) || strncmp(group, mounted, length) != 0 ||
	    (group[length] && group[length] != '/'))
		return "";
	return group + length;
}

static uint64_t read_limit(const char *directory, const char *file)
{
	_cleanup_fclose_ FILE *stream = NULL;
	char path[2 * PATH_MAX];
	unsigned long limit;

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	stream = fopen(path, "re");
	/* "max" is not a number and means no limit. */
	return stream && fscanf(stream, "%lu", &limit) == 1 ? limit : UINT64_MAX;
}

/* The lowest limit of @group and its ancestors, as far as they are mounted. */
static uint64_t find_least(const char *root, const struct mount *mount, const char *group,
			   const char *file)
{
	char directory[PATH_MAX];
	size_t end = strlen(root) + strlen(mount->place);
	uint64_t least = UINT64_MAX;

	snprintf(directory, sizeof(directory), "%s%s%s", root, mount->place,
		 below(group, mount->group));
	for (;;) {
		uint64_t limit = read_limit(directory, file);
		char *slash = strrchr(directory, '/');

		if (limit < least)
			least = limit;
		if (!slash || (size_t)(slash - directory) < end)
			return least;
		*slash = '\0';
	}
}

static uint64_t find_in(const char *root, const struct hierarchy *hierarchy)
{
	_cleanup_fclose_ FILE *file = open_below(root, "/proc/self/mountinfo");
	_cleanup_free_ char *line = NULL;
	uint64_t least = UINT64_MAX;
	char group[PATH_MAX];
	size_t capacity = 0;

	if (!find_group(root, hierarchy, group))
		return UINT64_MAX;
	while (file && getline(&line, &capacity, file) > 0) {
		struct mount mount = {};
		uint64_t limit;

		if (!parse_mount(line, &mount) || strcmp(mount.type, hierarchy->type) != 0 ||
		    (hierarchy->controller && !has_word(mount.options, hierarchy->controller)))
			continue;
		limit = find_least(root, &mount, group, hierarchy->file);
		if (limit < least)
			least = limit;
	}
	return least;
}

uint64_t memory_limit__find(const char *root)
{
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < ARRAY_SIZE(hierarchies); i++) {
		uint64_t limit = find_in(root, &hierarchies[i]);

		if (limit < least)
			least = limit;
	}
	return least;
}

uint64_t memory_limit__default(const char *root)
{
	uint64_t half = memory_limit__find(root) / 2;

	if (half > MEMORY_DEFAULT_MAX)
		return MEMORY_DEFAULT_MAX;
	return half > MEMORY_DEFAULT_MIN ? half : MEMORY_DEFAULT_MIN;
}
