// SPDX-License-Identifier: BSD-2-Clause
#include "target/proc_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target/live_proc.h"
#include "target/memory_thread.h"
#include "util/array.h"
#include "util/cleanup.h"

/* The kernel returns such a text in pieces of this size. */
#define PIECE_BYTES	      4096UL
#define VALUE_BYTES_MAX	      4096UL
#define ENVIRONMENT_BYTES_MAX (6UL << 20)

int proc_text__read_status(struct proc_text *out, pid_t pid)
{
	return proc_text__read(out, pid, memory_thread__entry(pid, "status").name,
			       PROC_STATUS_BYTES_MAX);
}

void proc_text__release(struct proc_text *text)
{
	free(text->bytes);
	*text = (struct proc_text){};
}

FILE *proc_text__open(pid_t pid, const char *name)
{
	_cleanup_close_ int fd = live_proc__open(pid, name, O_RDONLY);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

	if (file) {
		fd = -1;
		setvbuf(file, NULL, _IOFBF, PIECE_BYTES);
	} else if (fd < 0) {
		errno = -fd;
	}
	return file;
}

int proc_text__read(struct proc_text *out, pid_t pid, const char *name, size_t bytes_max)
{
	_cleanup_(proc_text__release) struct proc_text text = {};
	_cleanup_close_ int fd = live_proc__open(pid, name, O_RDONLY);
	size_t capacity = 0;

	if (fd < 0)
		return fd;
	for (;;) {
		/* One byte more than is wanted, to see whether there is more. */
		size_t room = bytes_max + 1 - text.size;
		ssize_t got;
		int err;

		if (room > PIECE_BYTES)
			room = PIECE_BYTES;
		err = ARRAY_RESERVE(text.bytes, capacity, text.size + room + 1);
		if (err)
			return err;
		got = read(fd, text.bytes + text.size, room);
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		text.size += (size_t)got;
		if (text.size > bytes_max) {
			text.size = bytes_max;
			text.is_cut = true;
			break;
		}
	}
	text.bytes[text.size] = '\0';
	*out = text;
	text = (struct proc_text){};
	return 0;
}

/*
 * Looks for "name=" at the beginning of an entry, byte by byte, because the environment comes in
 * pieces.
 */
struct variable_search {
	const char *name;
	size_t name_length;
	size_t at; /* position in the entry */
	bool is_other;
	char value[VALUE_BYTES_MAX];
};

/* Returns whether the value is complete. */
static bool take_byte(struct variable_search *search, char byte)
{
	size_t at = search->at++;

	if (!byte && !search->is_other && at > search->name_length) {
		search->value[at - search->name_length - 1] = '\0';
		return true;
	}
	if (!byte) {
		search->at = 0;
		search->is_other = false;
	} else if (!search->is_other && at <= search->name_length) {
		search->is_other = byte != (at < search->name_length ? search->name[at] : '=');
	} else if (!search->is_other) {
		search->is_other = at - search->name_length >= sizeof(search->value);
		if (!search->is_other)
			search->value[at - search->name_length - 1] = byte;
	}
	return false;
}

int proc_text__find_variable(char **out, pid_t pid, const char *name)
{
	struct variable_search search = {.name = name, .name_length = strlen(name)};
	struct memory_entry entry = memory_thread__entry(pid, "environ");
	_cleanup_close_ int fd = live_proc__open(pid, entry.name, O_RDONLY);
	char piece[PIECE_BYTES];
	ssize_t got = 0;

	if (fd < 0)
		return fd;
	for (size_t done = 0; done < ENVIRONMENT_BYTES_MAX; done += (size_t)got) {
		got = read(fd, piece, sizeof(piece));
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		for (ssize_t i = 0; i < got; i++)
			if (take_byte(&search, piece[i])) {
				*out = strdup(search.value);
				return *out ? 0 : -ENOMEM;
			}
	}
	return -ENOENT;
}
