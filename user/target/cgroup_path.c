// SPDX-License-Identifier: BSD-2-Clause
#include "target/cgroup_path.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"

#define ID_DIGITS  64
#define NAME_BYTES 256 /* NAME_MAX plus a NUL */

const char *cgroup_path__find_id(const char *text)
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

const char *cgroup_path__find_pod(const char *text)
{
	static const char pod[] = "pod";

	for (const char *at = strstr(text, pod); at; at = strstr(at + 1, pod)) {
		const char *uid = at + strlen(pod);
		size_t cnt = strspn(uid, "0123456789abcdef-_");

		if (cnt == POD_UID_BYTES && (uid[8] == '-' || uid[8] == '_'))
			return at;
	}
	return NULL;
}

static bool begins_with(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool ends_with(const char *text, const char *with)
{
	size_t length = strlen(text), size = strlen(with);

	return length > size && !strcmp(text + length - size, with);
}

static bool is_container_name(const char *name)
{
	return cgroup_path__find_id(name) || cgroup_path__find_pod(name) ||
	       begins_with(name, "machine-") || begins_with(name, "systemd-nspawn@") ||
	       begins_with(name, "lxc.payload.");
}

/* Whether the group only divides the host, and contains groups of more than one owner. */
static bool is_division(const char *name)
{
	static const char *const known[] = {"docker",	  "kubepods", "besteffort", "burstable",
					    "guaranteed", "libpod",   "lxc",	    "machine"};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(name, known[i]))
			return true;
	return ends_with(name, ".slice");
}

size_t cgroup_path__outermost(const char *path, bool *is_container)
{
	size_t whole = strcspn(path, "\n"), at = 0;
	bool is_of_users = false; /* users choose the names of their groups */

	*is_container = false;
	while (at < whole) {
		size_t length = strcspn(path + ++at, "/\n");
		char name[NAME_BYTES];

		snprintf(name, sizeof(name), "%.*s", (int)length, path + at);
		at += length;
		is_of_users |= !strcmp(name, "user.slice");
		*is_container = !is_of_users && is_container_name(name);
		if (*is_container || !is_division(name))
			return at;
	}
	return whole;
}
