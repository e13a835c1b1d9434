/* SPDX-License-Identifier: BSD-2-Clause */
/* What a user is called. */
#pragma once

#include <sys/types.h>

/* The name, or the number where there is none; NULL without memory. The caller frees. */
char *user_name__of(uid_t uid);

/*
 * What finds names in place of this process, which may not ask those who know them (directory
 * services); before there are threads. Returns as user_name__find().
 */
typedef int user_name_fn(uid_t uid, char *name, size_t size);
void user_name__find_by(user_name_fn *find);

/* Writes the name into @name. Returns 0; -ENOENT: there is none; or another negative errno. */
int user_name__find(uid_t uid, char *name, size_t size);
