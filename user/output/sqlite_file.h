/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An SQLite database that is the file behind a descriptor, not whatever has its name by then.
 *
 * SQLite opens files by name, and follows symbolic links. What pyfrag writes may go to a directory
 * that others can write to, where the name may lead elsewhere a moment later; and what it reads was
 * checked to be a regular file, which the name need not be any more. So SQLite is given a name that
 * says which descriptor is meant, and its system call to open files is replaced, for these names
 * only, by one that duplicates the descriptor (sqlite3_vfs.xSetSystemCall, SQLite 3.7.6).
 */
#pragma once

#include <sqlite3.h>

/*
 * Opens the file behind @fd, which stays the caller's. @flags: SQLITE_OPEN_READONLY, then the file
 * is taken not to change, and there is neither locking nor a journal; or SQLITE_OPEN_READWRITE, and
 * then the caller has to switch journals off. Returns SQLite's result; the caller closes *out, also
 * after an error, if it is not NULL.
 */
int sqlite_file__open(sqlite3 **out, int fd, int flags);

#define SQLITE_FILE_NAME_BYTES 64

/*
 * The name by which ATTACH opens the file behind @fd for reading, in a database that was opened as
 * above.
 */
void sqlite_file__name(char name[SQLITE_FILE_NAME_BYTES], int fd);
