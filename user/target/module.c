// SPDX-License-Identifier: BSD-2-Clause
#include "target/module.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "target/mapped_file.h"
#include "util/array.h"
#include "util/cleanup.h"

#define PAGE_BYTES 4096UL
/*
 * A libpython has one or two megabytes of data. It is copied as a whole, of processes that nobody
 * has asked to be read.
 */
#define DATA_BYTES_MAX (32UL << 20)
/* Of one file so many mappings are tried. */
#define MAPPINGS_TRIED_MAX 64
/* A hole in a segment costs no more than one such piece. */
#define PIECE_BYTES (64UL << 10)

void module__free(struct module *module)
{
	if (!module)
		return;
	elf_file__free(module->elf);
	closep(&module->fd);
	free(module->path);
	free(module);
}

void module__freep(struct module **module)
{
	module__free(*module);
}

/*
 * The loader maps each segment page-wise: its file offset rounded down sits at its address rounded
 * down.
 */
static int find_bias(const struct module *module, const struct mapping *mapping, uint64_t *bias)
{
	const struct elf_segment *segments;
	size_t cnt = elf_file__segments(module->elf, &segments);

	for (size_t i = 0; i < cnt; i++) {
		uint64_t offset = segments[i].offset & ~(PAGE_BYTES - 1);
		uint64_t end = segments[i].offset + segments[i].file_size;

		if (!segments[i].executable || mapping->offset < offset || mapping->offset >= end)
			continue;
		*bias = mapping->start - (mapping->offset - offset) -
			(segments[i].address & ~(PAGE_BYTES - 1));
		return 0;
	}
	return -ENOEXEC;
}

/* Whether the process has each segment's first page where it would be. */
static bool is_loaded_at(const struct module *module, const struct process *process,
			 const struct mapping *file, uint64_t bias)
{
	const struct elf_segment *segments;
	size_t cnt = elf_file__segments(module->elf, &segments);

	for (size_t i = 0; i < cnt; i++) {
		uint64_t address = segments[i].address + bias;
		const struct mapping *mapping = process__find_mapping(process, address);

		if (!segments[i].memory_size)
			continue;
		if (!mapping)
			return false;
		if (segments[i].file_size &&
		    (!mapping__is_same_file(mapping, file) ||
		     mapping->offset + (address - mapping->start) != segments[i].offset))
			return false;
	}
	return true;
}

/*
 * A process may map a file as it likes, beside the way the loader has: anywhere, and from any
 * offset. Of those mappings that could be the loader's the first one counts around which all of the
 * module is there.
 */
static int place_module(struct module *module, const struct process *process,
			const struct mapping *mapping)
{
	int err = find_bias(module, mapping, &module->bias);
	size_t tried_cnt = 0;

	if (!err && is_loaded_at(module, process, mapping, module->bias))
		return 0;
	for (size_t i = 0; i < process->map_cnt && tried_cnt < MAPPINGS_TRIED_MAX; i++) {
		const struct mapping *other = &process->maps[i];
		uint64_t bias;

		if (!other->executable || !mapping__is_same_file(other, mapping))
			continue;
		tried_cnt++;
		if (!find_bias(module, other, &bias) &&
		    is_loaded_at(module, process, mapping, bias)) {
			module->bias = bias;
			return 0;
		}
	}
	return err;
}

int module__open(struct module **out, const struct process *process, const struct mapping *mapping)
{
	_cleanup_(module__freep) struct module *module = NULL;
	int err;

	module = calloc(1, sizeof(*module));
	if (!module)
		return -ENOMEM;
	module->fd = mapped_file__open_of(process, mapping);
	if (module->fd < 0)
		return module->fd;
	module->path = strdup(mapping->path);
	if (!module->path)
		return -ENOMEM;
	err = elf_file__open(&module->elf, module->fd);
	if (err)
		return err;
	err = place_module(module, process, mapping);
	if (err)
		return err;
	*out = TAKE_PTR(module);
	return 0;
}

static int read_segment(const struct memory *memory, struct data_segment *segment)
{
	_cleanup_account_free_ struct memory_range *ranges = NULL;
	size_t cnt = (segment->size + PIECE_BYTES - 1) / PIECE_BYTES;
	int err;

	ranges = account__calloc(memory->account, cnt, sizeof(*ranges));
	if (!ranges)
		return -errno;
	for (size_t i = 0; i < cnt; i++) {
		size_t at = i * PIECE_BYTES;

		ranges[i].address = segment->address + at;
		ranges[i].buffer = segment->bytes + at;
		ranges[i].size = i + 1 < cnt ? PIECE_BYTES : segment->size - at;
	}
	err = memory__read_ranges(memory, ranges, cnt);
	if (err)
		return err;
	for (size_t i = 0; i < cnt; i++)
		if (ranges[i].failed)
			memset(ranges[i].buffer, 0, ranges[i].size);
	return 0;
}

int module__read_data(const struct module *module, const struct memory *memory,
		      struct data_image *out)
{
	_cleanup_(data_image__free) struct data_image image = {};
	const struct elf_segment *segments;
	size_t cnt = elf_file__segments(module->elf, &segments);
	uint64_t total = 0;

	image.segments = account__calloc(memory->account, cnt + 1, sizeof(*image.segments));
	if (!image.segments)
		return -errno;
	for (size_t i = 0; i < cnt; i++) {
		struct data_segment *segment = &image.segments[image.segment_cnt];
		uint64_t start = segments[i].address + module->bias,
			 end = start + segments[i].memory_size;
		int err;

		if (!image.module_start || start < image.module_start)
			image.module_start = start;
		if (end > image.module_end)
			image.module_end = end;
		if (!segments[i].writable || !segments[i].memory_size)
			continue;
		if (segments[i].memory_size > DATA_BYTES_MAX - total)
			return -EFBIG;
		total += segments[i].memory_size;
		segment->address = start;
		segment->size = segments[i].memory_size;
		segment->bytes = account__alloc(memory->account, segment->size);
		if (!segment->bytes)
			return -errno;
		image.segment_cnt++;
		err = read_segment(memory, segment);
		if (err)
			return err;
	}
	*out = image;
	image = (struct data_image){};
	return 0;
}

void data_image__free(struct data_image *image)
{
	for (size_t i = 0; i < image->segment_cnt; i++)
		account__free(image->segments[i].bytes);
	account__free(image->segments);
	*image = (struct data_image){};
}

int data_image__word(const struct data_image *image, uint64_t address, uint64_t *word)
{
	for (size_t i = 0; i < image->segment_cnt; i++) {
		const struct data_segment *segment = &image->segments[i];

		if (address < segment->address || segment->size < sizeof(*word) ||
		    address - segment->address > segment->size - sizeof(*word))
			continue;
		memcpy(word, segment->bytes + (address - segment->address), sizeof(*word));
		return 0;
	}
	return -EFAULT;
}
