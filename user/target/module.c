// SPDX-License-Identifier: BSD-2-Clause
#include "target/module.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/cleanup.h"

#define PAGE_BYTES 4096UL
/* How many mappings of one file are tried. */
#define MAPPINGS_TRIED_MAX 64

void module__free(struct module *module)
{
	if (!module)
		return;
	elf_file__free(module->elf);
	closep(&module->fd);
	mapped_file__release(&module->file);
	free(module->path);
	free(module);
}

void module__freep(struct module **module)
{
	module__free(*module);
}

/*
 * The loader maps each segment by whole pages: its file offset, rounded down, is at its address,
 * rounded down.
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

/* Whether the first page of each segment is mapped where @bias puts it. */
static bool is_loaded_at(const struct module *module, const struct target *target,
			 const struct mapping *file, uint64_t bias)
{
	const struct elf_segment *segments;
	size_t cnt = elf_file__segments(module->elf, &segments);

	for (size_t i = 0; i < cnt; i++) {
		uint64_t address = segments[i].address + bias;
		const struct mapping *mapping = target__find_mapping(target, address);

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
 * A process may also map a file itself, anywhere and from any offset. Of the mappings that could be
 * the loader's, the first one is taken for which the whole module is in place.
 */
static int place_module(struct module *module, const struct target *target,
			const struct mapping *mapping)
{
	int err = find_bias(module, mapping, &module->bias);
	size_t tried_cnt = 0;

	if (!err && is_loaded_at(module, target, mapping, module->bias))
		return 0;
	for (size_t i = 0; i < target->map_cnt && tried_cnt < MAPPINGS_TRIED_MAX; i++) {
		const struct mapping *other = &target->maps[i];
		uint64_t bias;

		if (!other->executable || !mapping__is_same_file(other, mapping))
			continue;
		tried_cnt++;
		if (!find_bias(module, other, &bias) &&
		    is_loaded_at(module, target, mapping, bias)) {
			module->bias = bias;
			return 0;
		}
	}
	return err;
}

int module__open(struct module **out, const struct target *target, const struct mapping *mapping)
{
	_cleanup_(module__freep) struct module *module = NULL;
	int err;

	module = calloc(1, sizeof(*module));
	if (!module)
		return -ENOMEM;
	module->fd = -1;
	module->file.path_fd = -1;
	err = mapped_file__find(&module->file, target, mapping);
	if (err)
		return err;
	module->fd = mapped_file__open(&module->file);
	if (module->fd < 0)
		return module->fd;
	module->path = strdup(mapping->path);
	if (!module->path)
		return -ENOMEM;
	err = elf_file__open(&module->elf, module->fd);
	if (err)
		return err;
	err = place_module(module, target, mapping);
	if (err)
		return err;
	*out = TAKE_PTR(module);
	return 0;
}

void module__close_file(struct module *module)
{
	elf_file__forget(module->elf);
	elf_file__set_fd(module->elf, -1);
	closep(&module->fd);
	module->fd = -1;
}

int module__reopen_file(struct module *module)
{
	int fd = module->fd < 0 ? mapped_file__open(&module->file) : module->fd;

	if (fd < 0)
		return fd;
	module->fd = fd;
	elf_file__set_fd(module->elf, fd);
	return 0;
}
