/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cleanup attributes: a local variable that owns something is marked with the function that
 * releases it, and TAKE_PTR or TAKE_FD moves ownership out of the scope. So a function can be
 * judged without reading its callees.
 */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(release) __attribute__((cleanup(release)))

static inline void freep(void *pointer)
{
	free(*(void **)pointer);
}

static inline void closep(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void fclosep(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void closedirp(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

#define _cleanup_free_	   _cleanup_(freep)
#define _cleanup_close_	   _cleanup_(closep)
#define _cleanup_fclose_   _cleanup_(fclosep)
#define _cleanup_closedir_ _cleanup_(closedirp)

/* Returns the value of @pointer and sets @pointer to NULL, as it no longer owns it. */
#define TAKE_PTR(pointer)                                                                          \
	({                                                                                         \
		__auto_type _taken = (pointer);                                                    \
		(pointer) = NULL;                                                                  \
		_taken;                                                                            \
	})

/* Returns the value of @fd and sets @fd to -1, as it no longer owns it. */
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int _taken = (fd);                                                                 \
		(fd) = -1;                                                                         \
		_taken;                                                                            \
	})

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
