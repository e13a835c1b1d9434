// SPDX-License-Identifier: BSD-2-Clause
#include "other_mallocs/loaded_mallocs.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "target/executable_files.h"
#include "target/module.h"
#include "util/account.h"
#include "util/cleanup.h"

#define SYMBOL_BYTES_MAX (128UL << 20)

/* A function that an allocator exports under this name, and nobody else. */
static const struct {
	enum other_malloc_kind kind;
	const char *function;
} exports[] = {
	{OTHER_JEMALLOC, "mallctlnametomib"},
	{OTHER_JEMALLOC, "je_mallctlnametomib"},
	{OTHER_TCMALLOC, "MallocExtension_ReleaseFreeMemory"},
	{OTHER_MIMALLOC, "mi_heap_visit_blocks"},
};

static bool is_known(const struct loaded_mallocs *mallocs, const struct other_mallocs *found,
		     enum other_malloc_kind kind, const char *path)
{
	for (size_t i = 0; i < found->cnt; i++)
		if (found->items[i].kind == kind && !strcmp(found->items[i].path, path))
			return true;
	for (size_t i = 0; i < mallocs->cnt; i++)
		if (mallocs->items[i].kind == kind && !strcmp(mallocs->items[i].path, path))
			return true;
	return false;
}

/*
 * CPython 3.13 and later contain a mimalloc, which is recognized if it is used (PYTHONMALLOC), and
 * has no memory otherwise.
 */
static bool is_python(struct elf_file *elf, uint64_t *room)
{
	struct elf_symbol symbol;

	return !elf_file__find_symbol_within(elf, "PyObject_Malloc", room, &symbol);
}

/* Looks for the allocators of one file. */
static int look_at_file(struct loaded_mallocs *out, const struct target *target,
			const struct other_mallocs *found, const struct mapping *file,
			uint64_t *room)
{
	_cleanup_(module__freep) struct module *module = NULL;
	int err = module__open(&module, target, file);

	if (err)
		return account__is_short(err) || err == -ETIME ? err : 0;
	for (size_t i = 0; i < sizeof(exports) / sizeof(*exports); i++) {
		struct elf_symbol symbol;

		err = elf_file__find_symbol_within(module->elf, exports[i].function, room, &symbol);
		if (account__is_short(err) || err == -ETIME)
			return err;
		if (err || out->cnt == LOADED_MALLOCS_MAX ||
		    is_known(out, found, exports[i].kind, file->path) ||
		    is_python(module->elf, room))
			continue;
		out->items[out->cnt].kind = exports[i].kind;
		out->items[out->cnt].path = account__strdup(target->memory->account, file->path);
		if (!out->items[out->cnt].path)
			return -errno;
		out->cnt++;
	}
	return 0;
}

int loaded_mallocs__find(struct loaded_mallocs *out, const struct target *target,
			 const struct other_mallocs *found)
{
	_cleanup_(executable_files__release) struct executable_files files = {};
	uint64_t room = SYMBOL_BYTES_MAX;
	int err = executable_files__find(&files, target->maps, target->map_cnt);

	for (size_t i = 0; i < files.cnt && i < EXECUTABLE_FILES_MAX && !err; i++)
		err = look_at_file(out, target, found, files.items[i], &room);
	return err;
}

void loaded_mallocs__release(struct loaded_mallocs *mallocs)
{
	for (size_t i = 0; i < mallocs->cnt; i++)
		account__free(mallocs->items[i].path);
	*mallocs = (struct loaded_mallocs){};
}
