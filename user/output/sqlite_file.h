/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens the file behind a descriptor as an SQLite database, rather than whatever file has its name
 * by then.
 *
 * SQLite opens files by name and follows symbolic links. pyfrag may write to a directory that
 * others can write to, where the name may lead elsewhere a moment later; and a file that it reads
 * was checked to be a regular file, which the name may no longer be. So SQLite gets a name that
 * encodes the descriptor, and its open system call is replaced by one that duplicates the
 * descriptor for such names (sqlite3_vfs.xSetSystemCall, SQLite 3.7.6).
 */
#pragma once

#include <sqlite3.h>

/*
 * Opens the file behind @fd, which remains the caller's. @flags: SQLITE_OPEN_READONLY, which
 * assumes that the file does not change, and uses neither locks nor a journal; or
 * SQLITE_OPEN_READWRITE, where the caller must turn journals off. Returns SQLite's result. The
 * caller closes *out if it is not NULL, even after an error.
 */
int sqlite_file__open(sqlite3 **out, int fd, int flags);

#define SQLITE_FILE_NAME_BYTES 64

/*
 * Makes the name with which ATTACH opens the file behind @fd for reading, in a database opened as
 * above.
 */
void sqlite_file__name(char name[SQLITE_FILE_NAME_BYTES], int fd);
