// SPDX-License-Identifier: BSD-2-Clause
#include "host/python_files.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "target/module.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/id_table.h"

#define FORGET_AFTER_NS (600 * 1000000000UL)
#define FILES_MAX	(1UL << 16)

struct python_files {
	pthread_mutex_t lock;
	struct python_file {
		unsigned int dev_major, dev_minor;
		uint64_t inode;
		bool is_python;
	} * files;
	size_t cnt, capacity;
	struct id_table ids; /* by device and inode */
	uint64_t since_ns;   /* CLOCK_MONOTONIC */
};

int python_files__new(struct python_files **out)
{
	struct python_files *files = calloc(1, sizeof(*files));

	if (!files)
		return -ENOMEM;
	pthread_mutex_init(&files->lock, NULL);
	files->since_ns = clock_ns(CLOCK_MONOTONIC);
	*out = files;
	return 0;
}

static void forget(struct python_files *files)
{
	id_table__release(&files->ids);
	free(TAKE_PTR(files->files));
	files->cnt = files->capacity = 0;
}

void python_files__free(struct python_files *files)
{
	if (!files)
		return;
	forget(files);
	free(files);
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

/* Whether that is known. */
static bool recall(struct python_files *files, const struct mapping *mapping, bool *is_python)
{
	uint32_t id = id_table__find(&files->ids, hash_of(mapping), is_file, files, mapping);

	if (id == ID_TABLE_NONE)
		return false;
	*is_python = files->files[id].is_python;
	return true;
}

static int find_file(struct python_files *files, const struct process *process,
		     const struct mapping *mapping, bool *is_python)
{
	bool is_known;
	int err = 0;

	pthread_mutex_lock(&files->lock);
	is_known = recall(files, mapping, is_python);
	pthread_mutex_unlock(&files->lock);
	if (is_known)
		return 0;
	*is_python = look_into(process, mapping);
	pthread_mutex_lock(&files->lock);
	/* Another thread may have looked meanwhile. */
	if (!recall(files, mapping, is_python))
		err = add(files, mapping, *is_python);
	pthread_mutex_unlock(&files->lock);
	return err;
}

static void forget_old(struct python_files *files)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);

	pthread_mutex_lock(&files->lock);
	if (now_ns - files->since_ns > FORGET_AFTER_NS || files->cnt > FILES_MAX) {
		forget(files);
		files->since_ns = now_ns;
	}
	pthread_mutex_unlock(&files->lock);
}

int python_files__find(struct python_files *files, const struct process *process, bool *is_python)
{
	int err = 0;

	forget_old(files);
	*is_python = false;
	for (size_t i = 0; i < process->map_cnt && !err && !*is_python; i++)
		if (process->maps[i].executable && process->maps[i].inode)
			err = find_file(files, process, &process->maps[i], is_python);
	return err;
}
