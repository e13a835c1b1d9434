// SPDX-License-Identifier: BSD-2-Clause
#include "host/cgroup_label.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define ID_DIGITS    64
#define SHOWN_DIGITS 12

/* The container's id in @text: 64 hexadecimal digits, and no more of them; NULL: there is none. */
static const char *find_id(const char *text)
{
	while (*text) {
		size_t cnt = 0;

		while (isxdigit((unsigned char)text[cnt]))
			cnt++;
		if (cnt == ID_DIGITS)
			return text;
		text += cnt ? cnt : 1;
	}
	return NULL;
}

static bool ends_with(const char *text, size_t length, const char *with)
{
	size_t size = strlen(with);

	return length > size && !strncmp(text + length - size, with, size);
}

/* The last component that is a unit: what is below it, the unit has made itself. */
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
	const char *id = find_id(path);

	return id ? strndup(id, SHOWN_DIGITS) : find_unit(path);
}
