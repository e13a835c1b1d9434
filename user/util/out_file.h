/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file that is written completely or not at all. Data goes to a temporary file in the same
 * directory, which is renamed when it is complete. A reader sees either the old file or the new
 * one.
 *
 * pyfrag runs as root, and its output contains data of other users' processes. So the file is
 * accessible to its owner only, and an existing file is replaced only if it is a regular file.
 * Anything else, such as a symbolic link, FIFO, device or socket, may be an attack: in a directory
 * that others can write to, it could redirect the output or make pyfrag wait. The directory is
 * opened once, and all names are resolved relative to it, even if its path later leads elsewhere.
 */
#pragma once

#include <stdio.h>

#include "util/failure.h"

struct out_file {
	FILE *stream;	 /* to write to */
	char *path;	 /* final path, for messages */
	int directory;	 /* descriptor; -1 for stdout, which has no name */
	char *name;	 /* final name in the directory */
	char *temporary; /* temporary name in the directory */
};

/*
 * Creates a temporary file of mode 0600 that will be @path. Returns 0; -EEXIST if @path exists and
 * is not a regular file; or another negative errno. Errors are described. The caller frees the
 * file.
 */
int out_file__open(struct out_file **out, const char *path, struct failure *failure);

/* Checks in advance whether out_file__open() would refuse @path. Same errors. */
int out_file__check(const char *path, struct failure *failure);

/* Uses stdout, of whatever type, which is written in place. Same errors. */
int out_file__stdout(struct out_file **out, struct failure *failure);

/*
 * Writes the data to disk and renames the file to its final name. Returns 0 or negative errno, also
 * if writing to the stream failed earlier; then a previous file keeps the name. The stream must not
 * be used afterwards.
 */
int out_file__commit(struct out_file *file);

/* Frees the file. Without out_file__commit(), the temporary file is deleted. */
void out_file__free(struct out_file *file);
void out_file__freep(struct out_file **file);
