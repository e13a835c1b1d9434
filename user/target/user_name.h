/* SPDX-License-Identifier: BSD-2-Clause */
/* The name of a user. */
#pragma once

#include <sys/types.h>

/* The name, or the number if there is none; NULL if out of memory. The caller frees. */
char *user_name__of(uid_t uid);

/*
 * Finds names in place of this process, which may not contact directory services. Set it before any
 * thread is started. Returns as user_name__find().
 */
typedef int user_name_fn(uid_t uid, char *name, size_t size);
void user_name__find_by(user_name_fn *find);

/* Writes the name into @name. Returns 0; -ENOENT: there is none; or another negative errno. */
int user_name__find(uid_t uid, char *name, size_t size);
