// SPDX-License-Identifier: BSD-2-Clause
#include "target/cgroup_label.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "target/cgroup_path.h"

#define SHOWN_DIGITS 12

static char *name_pod(const char *pod)
{
	char *name = strndup(pod, strlen("pod") + POD_UID_BYTES);

	for (char *at = name; at && *at; at++)
		if (*at == '_')
			*at = '-';
	return name;
}

static bool ends_with(const char *text, size_t length, const char *with)
{
	size_t size = strlen(with);

	return length > size && !strncmp(text + length - size, with, size);
}

/* The last component that is a unit: groups below it were created by the unit itself. */
static char *find_unit(const char *path)
{
	const char *unit = NULL, *at = path;
	size_t unit_length = 0;

	while (*at) {
		size_t length = strcspn(at, "/");

		if (ends_with(at, length, ".service") || ends_with(at, length, ".scope")) {
			unit = at;
			unit_length = length;
		}
		at += length + (at[length] == '/');
	}
	return unit ? strndup(unit, unit_length) : strdup("");
}

char *cgroup_label__of(const char *path)
{
	const char *id = cgroup_path__find_id(path), *pod = cgroup_path__find_pod(path);

	/* A pod outlives its containers. */
	if (pod)
		return name_pod(pod);
	return id ? strndup(id, SHOWN_DIGITS) : find_unit(path);
}
