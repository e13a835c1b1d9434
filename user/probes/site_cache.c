// SPDX-License-Identifier: BSD-2-Clause
#include "probes/site_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"

#define SYSTEM_DIRECTORY "/var/cache/pyfrag"
#define SITES_MAX	 100000
#define PATH_BYTES	 4096

static bool is_ours(int fd, mode_t type)
{
	struct stat status;

	return !fstat(fd, &status) && (status.st_mode & S_IFMT) == type &&
	       status.st_uid == geteuid() && !(status.st_mode & (S_IWGRP | S_IWOTH));
}

/* The directory, made if it is not there. Returns a file descriptor or negative errno. */
static int open_directory(void)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	_cleanup_close_ int fd = -1;
	char path[PATH_BYTES];
	int length;

	if (geteuid() == 0)
		length = snprintf(path, sizeof(path), "%s", SYSTEM_DIRECTORY);
	else if (cache && *cache == '/')
		length = snprintf(path, sizeof(path), "%s/pyfrag", cache);
	else if (home && *home == '/')
		length = snprintf(path, sizeof(path), "%s/.cache/pyfrag", home);
	else
		return -ENOENT;
	if (length >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return is_ours(fd, S_IFDIR) ? TAKE_FD(fd) : -EPERM;
}

/* FNV-1a, 64 bits. */
static uint64_t hash_code(const struct elf_code *code, size_t cnt)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < cnt; i++)
		for (size_t at = 0; at < code[i].size; at++)
			hash = (hash ^ code[i].bytes[at]) * 0x100000001b3ULL;
	return hash;
}

static int name_entry(struct elf_file *elf, char *name, size_t size)
{
	const struct elf_code *code;
	size_t cnt;
	int err;

	if (!*elf_file__build_id(elf))
		return -ENOENT;
	err = elf_file__code(elf, &code, &cnt);
	if (err)
		return err;
	snprintf(name, size, "%s-%016" PRIx64 "-%d.sites", elf_file__build_id(elf),
		 hash_code(code, cnt), SITES_SCANNER_VERSION);
	return 0;
}

static int parse_site(const char *line, const struct elf_file *elf, struct site *site)
{
	uint64_t address, probe;
	unsigned int emulated;

	if (sscanf(line, "%" SCNx64 " %u %" SCNx64, &address, &emulated, &probe) != 3)
		return -EINVAL;
	*site = (struct site){.address = address, .emulated = emulated};
	site->offset = elf_file__offset_of(elf, address);
	memcpy(&site->probe, &probe, sizeof(site->probe));
	return site->offset == UINT64_MAX ? -EINVAL : 0;
}

static int load(struct site_set *out, const struct elf_file *elf, int directory, const char *name)
{
	_cleanup_(site_set__free) struct site_set set = {};
	int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_fclose_ FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	char line[128];
	size_t cnt;

	if (!file)
		return -ENOENT;
	if (!is_ours(fd, S_IFREG))
		return -EPERM;
	if (!fgets(line, sizeof(line), file) || sscanf(line, "pyfrag sites %zu", &cnt) != 1 ||
	    cnt > SITES_MAX)
		return -EINVAL;
	while (fgets(line, sizeof(line), file) && set.cnt < cnt) {
		int err = ARRAY_RESERVE(set.items, set.capacity, set.cnt + 1);

		if (!err)
			err = parse_site(line, elf, &set.items[set.cnt]);
		if (err)
			return err;
		set.cnt++;
	}
	if (set.cnt != cnt)
		return -EINVAL;
	*out = set;
	set = (struct site_set){};
	return 0;
}

/* Written aside and renamed: another pyfrag sees all of it or nothing. */
static int save(const struct site_set *set, int directory, const char *name)
{
	_cleanup_fclose_ FILE *file = NULL;
	char aside[64];
	int fd;

	snprintf(aside, sizeof(aside), "new-%d", getpid());
	fd = openat(directory, aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	file = fdopen(fd, "w");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	fprintf(file, "pyfrag sites %zu\n", set->cnt);
	for (size_t i = 0; i < set->cnt; i++) {
		const struct site *site = &set->items[i];
		uint64_t probe;

		memcpy(&probe, &site->probe, sizeof(probe));
		fprintf(file, "%" PRIx64 " %u %" PRIx64 "\n", site->address, site->emulated, probe);
	}
	if (fflush(file) || ferror(file) || renameat(directory, aside, directory, name)) {
		int err = -errno;

		unlinkat(directory, aside, 0);
		return err;
	}
	return 0;
}

int site_cache__find(struct site_set *out, struct elf_file *elf, bool use_cache, bool *cached)
{
	_cleanup_close_ int directory = use_cache ? open_directory() : -1;
	bool usable = false;
	char name[256];
	int err;

	if (cached)
		*cached = false;
	if (directory >= 0)
		usable = !name_entry(elf, name, sizeof(name));
	if (usable && !load(out, elf, directory, name)) {
		if (cached)
			*cached = true;
		return 0;
	}
	err = site_set__scan(out, elf);
	if (err || !usable)
		return err;
	err = save(out, directory, name);
	if (err)
		log_debug("cannot cache probe sites: %s", strerror(-err));
	return 0;
}
