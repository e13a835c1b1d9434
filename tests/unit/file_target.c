// SPDX-License-Identifier: BSD-2-Clause
#include "file_target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "target/mapped_file.h"
#include "util/cleanup.h"

#define PIECE_BYTES (64UL << 10)

struct file_target {
	struct target target;
	struct memory memory;
	const char *bytes; /* the file, mapped */
	size_t size, text_size;
};

/* The part of @range at @address that is in the file; 0 bytes if there is none. */
static size_t copy_part(const struct file_target *file, uint64_t address, void *buffer, size_t size)
{
	uint64_t at = file->text_size + 1;

	for (size_t i = 0; i < file->target.map_cnt; i++) {
		const struct mapping *mapping = &file->target.maps[i];

		if (!mapping->readable)
			continue;
		if (address >= mapping->start && address < mapping->end) {
			uint64_t left = mapping->end - address;

			size = size < left ? size : left;
			memcpy(buffer, file->bytes + at + (address - mapping->start), size);
			return size;
		}
		at += mapping->end - mapping->start;
	}
	return 0;
}

static int read_ranges(const struct memory *memory, struct memory_range *ranges, size_t cnt)
{
	const struct file_target *file =
		(const struct file_target *)((const char *)memory -
					     offsetof(struct file_target, memory));

	for (size_t i = 0; i < cnt; i++) {
		struct memory_range *range = &ranges[i];
		size_t done = 0, part = 1;

		while (done < range->size && part) {
			part = copy_part(file, range->address + done, (char *)range->buffer + done,
					 range->size - done);
			done += part;
		}
		range->failed = done < range->size;
	}
	return 0;
}

static int read_mappings(const struct target *target, struct mappings *out)
{
	const struct file_target *file = (const struct file_target *)target;
	_cleanup_fclose_ FILE *text = fmemopen((void *)file->bytes, file->text_size, "r");

	return text ? mappings__read(out, text) : -errno;
}

/* The mapped files are in their original places. */
static int find_mapped_file(const struct target *target, const struct mapping *mapping,
			    struct mapped_file *out)
{
	_cleanup_close_ int fd = open(mapping->path, O_PATH | O_CLOEXEC);
	struct stat status;

	(void)target;
	if (fd < 0 || fstat(fd, &status))
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -ENOEXEC;
	*out = (struct mapped_file){.path_fd = TAKE_FD(fd),
				    .identity = {.device = status.st_dev,
						 .inode = status.st_ino,
						 .size = (uint64_t)status.st_size,
						 .changed_s = status.st_ctim.tv_sec,
						 .changed_ns = (uint32_t)status.st_ctim.tv_nsec}};
	return 0;
}

static void free_file(struct target *target)
{
	struct file_target *file = (struct file_target *)target;

	munmap((void *)file->bytes, file->size);
	free(file);
}

static const struct target_ops file_ops = {
	.read_mappings = read_mappings,
	.find_mapped_file = find_mapped_file,
	.free = free_file,
};

int file_target__open(struct target **out, int fd, struct failure *failure)
{
	_cleanup_(target__freep) struct target *target = NULL;
	struct file_target *file = calloc(1, sizeof(*file));
	struct stat status;
	const char *end;
	int err;

	if (!file || fstat(fd, &status)) {
		free(file);
		return failure__set(failure, -ENOMEM, "out of memory");
	}
	file->size = (size_t)status.st_size;
	file->bytes = mmap(NULL, file->size, PROT_READ, MAP_PRIVATE, fd, 0);
	end = file->bytes == MAP_FAILED ? NULL : memmem(file->bytes, file->size, "\n\n", 2);
	if (!end) {
		free(file);
		return failure__set(failure, -EBADMSG, "not a recording of a process");
	}
	file->text_size = (size_t)(end + 1 - file->bytes);
	file->memory.read_ranges = read_ranges;
	target = &file->target;
	target->ops = &file_ops;
	target->memory = &file->memory;
	target->comm = strdup("recorded");
	target->cmdline = calloc(1, sizeof(*target->cmdline));
	target->exe = strdup("");
	target->cgroup = strdup("");
	err = target__reload_maps(target, failure);
	if (err)
		return err;
	*out = TAKE_PTR(target);
	return 0;
}

/* Appends the bytes of @mapping to the file. Returns whether any of them is readable. */
static bool copy_mapping(const struct target *target, const struct mapping *mapping, int fd)
{
	char piece[PIECE_BYTES];
	bool any = false;

	for (uint64_t at = mapping->start; at < mapping->end; at += PIECE_BYTES) {
		size_t size = mapping->end - at < PIECE_BYTES ? mapping->end - at : PIECE_BYTES;

		if (memory__read(target->memory, at, piece, size))
			memset(piece, 0, size);
		else
			any = true;
		if (write(fd, piece, size) != (ssize_t)size)
			return false;
	}
	return any;
}

int file_target__record(const struct target *target, int fd)
{
	_cleanup_close_ int memory_fd = memfd_create("memory", MFD_CLOEXEC);
	off_t size = 0;
	char piece[PIECE_BYTES];
	ssize_t got;

	for (size_t i = 0; i < target->map_cnt; i++) {
		const struct mapping *mapping = &target->maps[i];
		bool has = mapping->readable && copy_mapping(target, mapping, memory_fd);

		if (has)
			size += (off_t)(mapping->end - mapping->start);
		if (lseek(memory_fd, size, SEEK_SET) < 0 ||
		    dprintf(fd, "%lx-%lx %c%c%cp %lx %x:%x %lu %s\n", mapping->start, mapping->end,
			    has ? 'r' : '-', mapping->writable ? 'w' : '-',
			    mapping->executable ? 'x' : '-', mapping->offset, mapping->dev_major,
			    mapping->dev_minor, mapping->inode, mapping->path) < 0)
			return -errno;
	}
	if (dprintf(fd, "\n") < 0 || ftruncate(memory_fd, size) || lseek(memory_fd, 0, SEEK_SET))
		return -errno;
	while ((got = read(memory_fd, piece, sizeof(piece))) > 0)
		if (write(fd, piece, (size_t)got) != got)
			return -EIO;
	return got < 0 ? -errno : 0;
}
