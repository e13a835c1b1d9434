// SPDX-License-Identifier: BSD-2-Clause
#include "target/mapping.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"

#define DELETED_SUFFIX " (deleted)"

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
	line += path_at;
	length = strlen(line);
	mapping->deleted = length > strlen(DELETED_SUFFIX) &&
			   !strcmp(line + length - strlen(DELETED_SUFFIX), DELETED_SUFFIX);
	if (mapping->deleted)
		line[length - strlen(DELETED_SUFFIX)] = '\0';
	mapping->path = strdup(line);
	return mapping->path ? 0 : -ENOMEM;
}

int mappings__append(struct mappings *mappings, char *line)
{
	struct mapping mapping = {};
	int err = ARRAY_RESERVE(mappings->items, mappings->capacity, mappings->cnt + 1);

	if (!err)
		err = parse_mapping(line, &mapping);
	if (!err)
		mappings->items[mappings->cnt++] = mapping;
	return err;
}

void mappings__release(struct mappings *mappings)
{
	for (size_t i = 0; i < mappings->cnt; i++)
		free(mappings->items[i].path);
	free(mappings->items);
	*mappings = (struct mappings){};
}
