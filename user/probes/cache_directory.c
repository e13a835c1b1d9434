// SPDX-License-Identifier: BSD-2-Clause
#include "probes/cache_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "probes/sites.h"
#include "util/array.h"
#include "util/cleanup.h"

/* The suffix of entries. */
#define SUFFIX ".sites"
/* Writing an entry takes far less than this. */
#define ASIDE_AGE_MAX_S 3600

struct entry {
	char *name;
	struct timespec used;
};

struct entries {
	struct entry *items;
	size_t cnt, capacity;
};

static void entries__release(struct entries *entries)
{
	for (size_t i = 0; i < entries->cnt; i++)
		free(entries->items[i].name);
	free(entries->items);
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length >= end_length && !strcmp(text + length - end_length, end);
}

struct cache_entry_name cache_directory__name(const struct file_digest *digest)
{
	struct cache_entry_name name;

	snprintf(name.text, sizeof(name.text), "%s-%d" SUFFIX, digest->text, SITES_SCANNER_VERSION);
	return name;
}

/* Whether @name is an entry of this version: a SHA-256 and the version of the scanner. */
static bool is_current(const char *name)
{
	const size_t digits = sizeof(struct file_digest) - 1;
	char end[32];

	snprintf(end, sizeof(end), "-%d" SUFFIX, SITES_SCANNER_VERSION);
	return strspn(name, "0123456789abcdef") == digits && !strcmp(name + digits, end);
}

static int add_entry(struct entries *entries, const char *name, const struct timespec *used)
{
	int err = ARRAY_RESERVE(entries->items, entries->capacity, entries->cnt + 1);
	char *copy = err ? NULL : strdup(name);

	if (!copy)
		return -ENOMEM;
	entries->items[entries->cnt++] = (struct entry){.name = copy, .used = *used};
	return 0;
}

/* Removes @name if it is out of date; otherwise adds it to @entries if it is an entry. */
static int look_at(struct entries *entries, int directory, const char *name, time_t now_s)
{
	bool is_aside = !strncmp(name, CACHE_ASIDE, strlen(CACHE_ASIDE));
	struct stat status;
	time_t age_s;

	if ((!is_aside && !ends_with(name, SUFFIX)) ||
	    fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW))
		return 0;
	age_s = now_s - status.st_mtim.tv_sec;
	if (is_aside ? age_s > ASIDE_AGE_MAX_S : !is_current(name) || age_s > SITE_CACHE_AGE_MAX_S)
		return unlinkat(directory, name, 0) && errno != ENOENT ? -errno : 0;
	return is_aside ? 0 : add_entry(entries, name, &status.st_mtim);
}

/* The most recently used first. */
static int compare_entries(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;

	if (a->used.tv_sec != b->used.tv_sec)
		return a->used.tv_sec > b->used.tv_sec ? -1 : 1;
	return (a->used.tv_nsec < b->used.tv_nsec) - (a->used.tv_nsec > b->used.tv_nsec);
}

int cache_directory__prune(int directory)
{
	_cleanup_(entries__release) struct entries entries = {};
	_cleanup_close_ int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int err = 0;

	if (!stream)
		return -errno;
	TAKE_FD(fd); /* owned by the stream now */
	while (!err && (entry = readdir(stream)))
		err = look_at(&entries, directory, entry->d_name, time(NULL));
	if (err)
		return err;
	if (entries.cnt)
		qsort(entries.items, entries.cnt, sizeof(*entries.items), compare_entries);
	for (size_t i = SITE_CACHE_ENTRIES_MAX; i < entries.cnt; i++)
		if (unlinkat(directory, entries.items[i].name, 0) && errno != ENOENT)
			return -errno;
	return 0;
}
