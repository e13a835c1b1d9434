/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file that is there in full or not at all: what is written goes to a temporary file in the same
 * directory, which takes the name when it is complete. Readers of the name see the old file or the
 * new.
 *
 * pyfrag runs as root, and what it writes is read from other users' processes. So the file is its
 * owner's alone, and what has the name already is replaced only if it is a regular file: a symbolic
 * link, FIFO, device or socket was put there by somebody, in a directory that others can write to
 * perhaps, to lead elsewhere or to have pyfrag wait. The directory is opened once, and the names
 * are of that directory, whatever its path leads to later.
 */
#pragma once

#include <stdio.h>

#include "util/failure.h"

struct out_file {
	FILE *stream;	 /* to be written to */
	char *path;	 /* the name wanted; for messages */
	int directory;	 /* a descriptor; -1: there is no name, this is stdout */
	char *name;	 /* in the directory */
	char *temporary; /* the name there until it is complete */
};

/*
 * Opens what will be @path: a new file of mode 0600. Returns 0; -EEXIST: there is something by that
 * name that is no regular file, or another negative errno. Errors are described. The caller frees
 * the file.
 */
int out_file__open(struct out_file **out, const char *path, struct failure *failure);

/* Whether that would be refused, before there is anything to write. As above. */
int out_file__check(const char *path, struct failure *failure);

/* Opens stdout, whatever it is, to be written in place. As above. */
int out_file__stdout(struct out_file **out, struct failure *failure);

/*
 * Gives the file its name, after all of it has reached the disk. Returns 0 or negative errno, also
 * if the stream failed before; then what had the name still has it. Nothing may be written any
 * more.
 */
int out_file__commit(struct out_file *file);

/* Frees the file; without out_file__commit() nothing of it remains. */
void out_file__free(struct out_file *file);
void out_file__freep(struct out_file **file);
