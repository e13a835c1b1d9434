// SPDX-License-Identifier: BSD-2-Clause
#include "host/python_files.h"

#include <errno.h>
#include <stdlib.h>

#include "target/module.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define FORGET_AFTER_NS (600 * 1000000000UL)
#define FILES_MAX	(1UL << 16)

void python_files__release(struct python_files *files)
{
	id_table__release(&files->ids);
	free(files->files);
	*files = (struct python_files){};
}

static bool is_file(const void *owner, uint32_t id, const void *key)
{
	const struct python_file *file = &((const struct python_files *)owner)->files[id];
	const struct mapping *mapping = key;

	return file->inode == mapping->inode && file->dev_major == mapping->dev_major &&
	       file->dev_minor == mapping->dev_minor;
}

static uint32_t hash_of(const struct mapping *mapping)
{
	const uint64_t words[] = {mapping->inode,
				  (uint64_t)mapping->dev_major << 32 | mapping->dev_minor};

	return id_table__hash(words, sizeof(words));
}

static bool look_into(const struct process *process, const struct mapping *mapping)
{
	_cleanup_(module__freep) struct module *module = NULL;
	struct elf_symbol symbol;

	return !module__open(&module, process, mapping) && elf_file__is_64bit(module->elf) &&
	       !elf_file__find_symbol(module->elf, "PyObject_Malloc", &symbol);
}

static int add(struct python_files *files, const struct mapping *mapping, bool is_python)
{
	int err = ARRAY_RESERVE(files->files, files->capacity, files->cnt + 1);

	if (!err)
		err = id_table__add(&files->ids, hash_of(mapping), files->cnt);
	if (err)
		return err;
	files->files[files->cnt++] = (struct python_file){
		.dev_major = mapping->dev_major,
		.dev_minor = mapping->dev_minor,
		.inode = mapping->inode,
		.is_python = is_python,
	};
	return 0;
}

static int find_file(struct python_files *files, const struct process *process,
		     const struct mapping *mapping, bool *is_python)
{
	uint32_t id = id_table__find(&files->ids, hash_of(mapping), is_file, files, mapping);

	if (id != ID_TABLE_NONE) {
		*is_python = files->files[id].is_python;
		return 0;
	}
	*is_python = look_into(process, mapping);
	return add(files, mapping, *is_python);
}

int python_files__find(struct python_files *files, const struct process *process, bool *is_python)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	int err = 0;

	if (now - files->since_ns > FORGET_AFTER_NS || files->cnt > FILES_MAX) {
		python_files__release(files);
		files->since_ns = now;
	}
	*is_python = false;
	for (size_t i = 0; i < process->map_cnt && !err && !*is_python; i++)
		if (process->maps[i].executable && process->maps[i].inode)
			err = find_file(files, process, &process->maps[i], is_python);
	return err;
}
