// SPDX-License-Identifier: BSD-2-Clause
#include "target/user_name.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* useradd(8) allows 32; some directory services allow more. */
#define NAME_BYTES 256

static user_name_fn *find_elsewhere;

void user_name__find_by(user_name_fn *find)
{
	find_elsewhere = find;
}

int user_name__find(uid_t uid, char *name, size_t size)
{
	struct passwd entry, *found = NULL;
	char text[4096];
	int err = getpwuid_r(uid, &entry, text, sizeof(text), &found);

	if (err)
		return -err;
	if (!found)
		return -ENOENT;
	return snprintf(name, size, "%s", entry.pw_name) < (int)size ? 0 : -ENAMETOOLONG;
}

char *user_name__of(uid_t uid)
{
	user_name_fn *find = find_elsewhere ? find_elsewhere : user_name__find;
	char name[NAME_BYTES], *number;

	if (!find(uid, name, sizeof(name)))
		return strdup(name);
	return asprintf(&number, "%u", uid) < 0 ? NULL : number;
}
