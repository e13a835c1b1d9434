// SPDX-License-Identifier: BSD-2-Clause
#include "target/executable_files.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "util/cleanup.h"
#include "util/partition_point.h"

static int compare_files(const struct mapping *a, const struct mapping *b)
{
	if (a->inode != b->inode)
		return a->inode < b->inode ? -1 : 1;
	if (a->dev_major != b->dev_major)
		return a->dev_major < b->dev_major ? -1 : 1;
	return (a->dev_minor > b->dev_minor) - (a->dev_minor < b->dev_minor);
}

/* Mappings of the same file keep the order of the array, which is by address. */
static int compare_mappings(const void *left, const void *right)
{
	const struct mapping *const *a = left, *const *b = right;
	int order = compare_files(*a, *b);

	return order ? order : (*a > *b) - (*a < *b);
}

static int compare_places(const void *left, const void *right)
{
	const struct mapping *const *a = left, *const *b = right;

	return (*a > *b) - (*a < *b);
}

static int compare_by_file(const void *left, const void *right, void *context)
{
	const struct executable_files *files = context;

	return compare_files(files->items[*(const size_t *)left],
			     files->items[*(const size_t *)right]);
}

/* Keeps the first mapping of each file. */
static void drop_others(struct executable_files *files)
{
	size_t kept = 0;

	if (files->cnt)
		qsort(files->items, files->cnt, sizeof(*files->items), compare_mappings);
	for (size_t i = 0; i < files->cnt; i++)
		if (!kept || compare_files(files->items[kept - 1], files->items[i]) != 0)
			files->items[kept++] = files->items[i];
	files->cnt = kept;
}

int executable_files__find(struct executable_files *out, const struct mapping *maps, size_t cnt)
{
	_cleanup_(executable_files__release) struct executable_files files = {
		.items = calloc(cnt + 1, sizeof(*files.items)),
	};

	if (!files.items)
		return -ENOMEM;
	for (size_t i = 0; i < cnt; i++)
		if (maps[i].executable && maps[i].inode)
			files.items[files.cnt++] = &maps[i];
	drop_others(&files);
	files.by_file = calloc(files.cnt + 1, sizeof(*files.by_file));
	if (!files.by_file)
		return -ENOMEM;
	for (size_t i = 0; i < files.cnt; i++)
		files.by_file[i] = i;
	if (files.cnt) {
		qsort(files.items, files.cnt, sizeof(*files.items), compare_places);
		qsort_r(files.by_file, files.cnt, sizeof(*files.by_file), compare_by_file, &files);
	}
	*out = files;
	files = (struct executable_files){};
	return 0;
}

void executable_files__release(struct executable_files *files)
{
	free(files->items);
	free(files->by_file);
	*files = (struct executable_files){};
}

size_t executable_files__place_of(const struct executable_files *files,
				  const struct mapping *mapping)
{
	size_t i = PARTITION_POINT(place, files->by_file, files->cnt,
				   compare_files(files->items[*place], mapping) < 0);

	if (i == files->cnt || compare_files(files->items[files->by_file[i]], mapping))
		return SIZE_MAX;
	return files->by_file[i];
}
