// SPDX-License-Identifier: BSD-2-Clause
#include "host/cgroup_label.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define ID_DIGITS    64
#define SHOWN_DIGITS 12
#define UID_BYTES    36

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

/*
 * The pod's UID in @text, "pod" in front of it: 36 characters of 8-4-4-4-12 digits, with '_' for
 * '-' where systemd is.
 */
static const char *find_pod(const char *text)
{
	static const char pod[] = "pod";

	for (const char *at = strstr(text, pod); at; at = strstr(at + 1, pod)) {
		const char *uid = at + strlen(pod);
		size_t cnt = strspn(uid, "0123456789abcdef-_");

		if (cnt == UID_BYTES && (uid[8] == '-' || uid[8] == '_'))
			return at;
	}
	return NULL;
}

static char *name_pod(const char *pod)
{
	char *name = strndup(pod, strlen("pod") + UID_BYTES);

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
	const char *id = find_id(path), *pod = find_pod(path);

	/* A pod outlives its containers. */
	if (pod)
		return name_pod(pod);
	return id ? strndup(id, SHOWN_DIGITS) : find_unit(path);
}
