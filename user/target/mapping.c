// SPDX-License-Identifier: BSD-2-Clause
#include "target/mapping.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/cleanup.h"
#include "util/cpu_allowance.h"

#define DELETED_SUFFIX " (deleted)"

static const char no_path[] = "";

/* The path in @mapping points into @line. */
static int parse_mapping(char *line, struct mapping *mapping)
{
	unsigned long long start, end, offset, inode;
	char permissions[5];
	size_t length;
	int path_at = 0;

	if (sscanf(line, "%llx-%llx %4s %llx %x:%x %llu %n", &start, &end, permissions, &offset,
		   &mapping->dev_major, &mapping->dev_minor, &inode, &path_at) != 7)
		return -EIO;
	mapping->start = start;
	mapping->end = end;
	mapping->offset = offset;
	mapping->inode = inode;
	mapping->readable = permissions[0] == 'r';
	mapping->writable = permissions[1] == 'w';
	mapping->executable = permissions[2] == 'x';
	mapping->shared = permissions[3] == 's';
	line += path_at;
	length = strlen(line);
	mapping->deleted = length > strlen(DELETED_SUFFIX) &&
			   !strcmp(line + length - strlen(DELETED_SUFFIX), DELETED_SUFFIX);
	if (mapping->deleted)
		line[length - strlen(DELETED_SUFFIX)] = '\0';
	mapping->path = line;
	return 0;
}

/* Most mappings have no name, or the same one as the mapping before, and then share its text. */
static int keep_path(struct mappings *mappings, struct mapping *mapping)
{
	const char *before = mappings->cnt ? mappings->items[mappings->cnt - 1].path : no_path;
	size_t bytes = strlen(mapping->path) + 1;

	if (!*mapping->path)
		mapping->path = no_path;
	else if (!strcmp(mapping->path, before))
		mapping->path = before;
	else if (bytes > MAPPING_NAMES_MAX_BYTES - mappings->name_bytes)
		return -E2BIG;
	else if ((mapping->path = strdup(mapping->path)))
		mappings->name_bytes += bytes;
	return mapping->path ? 0 : -ENOMEM;
}

int mappings__append(struct mappings *mappings, char *line)
{
	struct mapping mapping = {};
	int err = parse_mapping(line, &mapping);

	if (!err && mappings->cnt == MAPPINGS_MAX)
		err = -E2BIG;
	if (!err)
		err = ARRAY_RESERVE(mappings->items, mappings->capacity, mappings->cnt + 1);
	if (!err)
		err = keep_path(mappings, &mapping);
	if (!err)
		mappings->items[mappings->cnt++] = mapping;
	return err;
}

static bool owns_path(const struct mappings *mappings, size_t i)
{
	const char *path = mappings->items[i].path;

	return path != no_path && (!i || path != mappings->items[i - 1].path);
}

void mappings__release(struct mappings *mappings)
{
	for (size_t i = mappings->cnt; i--;)
		if (owns_path(mappings, i))
			free((void *)mappings->items[i].path);
	free(mappings->items);
	*mappings = (struct mappings){};
}

int mappings__read(struct mappings *out, FILE *file)
{
	_cleanup_(mappings__release) struct mappings mappings = {};
	_cleanup_free_ char *line = NULL;
	size_t capacity = 0;
	int err = 0;

	while (!err && !(err = cpu_allowance__check()) && getline(&line, &capacity, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		err = mappings__append(&mappings, line);
	}
	mappings.is_cut = err == -E2BIG;
	if (!err && ferror(file))
		err = -EIO;
	if (err && !mappings.is_cut)
		return err;
	*out = mappings;
	mappings = (struct mappings){};
	return 0;
}
