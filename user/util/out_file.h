/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file that is there in full or not at all: what is written goes to a temporary file in the same
 * directory, which takes the name when it is complete. Who reads the name sees the old file or the
 * new.
 */
#pragma once

#include <stdio.h>

struct out_file {
	FILE *stream;	 /* to be written to */
	char *path;	 /* the name wanted */
	char *temporary; /* the name until then; NULL: written in place */
};

/*
 * Opens what will be @path. The file is a new one, with the mode that the umask gives, also where
 * one is replaced. A symbolic link to a file is replaced, not followed: pyfrag runs as root, and in
 * a directory that others can write to, a link leads where they please.
 *
 * There is nothing to replace where @path is no file but a device, a pipe or what stdout is already
 * (/dev/stdout): that is written to in place, a pipe after waiting for its reader.
 *
 * Returns 0 or negative errno; the caller frees the file.
 */
int out_file__open(struct out_file **out, const char *path);

/*
 * Gives the file its name, after all of it has reached the disk. Returns 0 or negative errno, also
 * if the stream failed before; then what had the name still has it. Nothing may be written any
 * more.
 */
int out_file__commit(struct out_file *file);

/* Frees the file; without out_file__commit() nothing of it remains. */
void out_file__free(struct out_file *file);
void out_file__freep(struct out_file **file);
