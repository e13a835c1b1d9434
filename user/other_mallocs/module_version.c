// SPDX-License-Identifier: BSD-2-Clause
#include "other_mallocs/module_version.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/file_bytes.h"
#include "target/mapped_file.h"
#include "util/cleanup.h"

#define PIECE_BYTES    (1UL << 20)
#define TEXT_BYTES_MAX 128UL /* of a version, with its end */
#define FILE_BYTES_MAX (256UL << 20)

/* The length of a version at @text, such as "5.3.0" or "2.10"; 0: there is none. */
static size_t match_number(const char *text)
{
	size_t length = strspn(text, "0123456789.");

	return length && isdigit((unsigned char)*text) &&
			       isdigit((unsigned char)text[length - 1]) && !strstr(text, "..")
		       ? length
		       : 0;
}

static bool copy_number(const char *text, size_t length, char *version, size_t size)
{
	if (!length || length >= size)
		return false;
	snprintf(version, size, "%.*s", (int)length, text);
	return true;
}

bool version__match_jemalloc(const char *text, char *version, size_t size)
{
	size_t number = match_number(text), commits;
	const char *hash = text + number;

	if (!number || *hash != '-')
		return false;
	commits = strspn(hash + 1, "0123456789");
	hash += 1 + commits;
	if (!commits || strncmp(hash, "-g", 2) != 0 || strspn(hash + 2, "0123456789abcdef") != 40 ||
	    hash[42])
		return false;
	return copy_number(text, number, version, size);
}

bool version__match_gperftools(const char *text, char *version, size_t size)
{
	static const char name[] = "gperftools ";
	const char *number = text + sizeof(name) - 1;

	return !strncmp(text, name, sizeof(name) - 1) &&
	       copy_number(number, match_number(number), version, size);
}

/* Looks at the texts that begin in the first @size bytes. */
static bool look_at_piece(const char *bytes, size_t size, version_match_fn *match, char *version,
			  size_t version_size)
{
	const char *at = bytes, *end = bytes + size;

	while (at < end) {
		if (match(at, version, version_size))
			return true;
		at = memchr(at, '\0', (size_t)(end - at));
		if (!at)
			return false;
		at++;
	}
	return false;
}

static int search_file(int fd, uint64_t size, version_match_fn *match, char *version,
		       size_t version_size)
{
	_cleanup_free_ char *bytes = malloc(PIECE_BYTES + TEXT_BYTES_MAX + 1);

	if (!bytes)
		return -ENOMEM;
	for (uint64_t at = 0; at < size && at < FILE_BYTES_MAX; at += PIECE_BYTES) {
		size_t cnt = size - at < PIECE_BYTES + TEXT_BYTES_MAX
				     ? (size_t)(size - at)
				     : PIECE_BYTES + TEXT_BYTES_MAX;
		int err = file_bytes__read_at(fd, at, bytes, cnt);

		if (err)
			return err == -ETIME ? err : 0;
		bytes[cnt] = '\0';
		if (look_at_piece(bytes, cnt < PIECE_BYTES ? cnt : PIECE_BYTES, match, version,
				  version_size))
			return 0;
	}
	return 0;
}

int module_version__find(const struct target *target, const struct mapping *mapping,
			 version_match_fn *match, char *version, size_t size)
{
	_cleanup_(mapped_file__release) struct mapped_file file = {.path_fd = -1};
	_cleanup_close_ int fd = -1;

	if (mapped_file__find(&file, target, mapping))
		return 0;
	fd = mapped_file__open(&file);
	return fd < 0 ? 0 : search_file(fd, file.identity.size, match, version, size);
}
