// SPDX-License-Identifier: BSD-2-Clause
#include "target/python.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/executable_files.h"
#include "target/interpreter_list.h"
#include "target/offsets.h"
#include "target/reading_allowance.h"
#include "target/shortage.h"
#include "util/checked.h"
#include "util/cleanup.h"
#include "util/text.h"

#define VERSION_TEXT_MAX 250 /* size of Py_GetVersion()'s buffer */
/* At most this much of the data of all files of a process is searched. */
#define DATA_BYTES_MAX (4UL << 30)

void python__free(struct python *python)
{
	if (!python)
		return;
	module__free(python->module);
	free(python);
}

void python__freep(struct python **python)
{
	python__free(*python);
}

/*
 * The length of a version such as "2.7.18" or "3.15.0a3+" at @text, which has @size bytes; 0 if
 * there is none.
 */
static size_t match_version_number(const char *text, size_t size)
{
	size_t at = 0, dots = 0;

	if (size < 8 || (text[0] != '2' && text[0] != '3') || text[1] != '.')
		return 0;
	while (at < size && at < 24 && (isdigit((unsigned char)text[at]) || text[at] == '.'))
		dots += text[at++] == '.';
	while (at < size && at < 24 && (isalnum((unsigned char)text[at]) || text[at] == '+'))
		at++;
	return dots == 2 && at < size && text[at] == ' ' ? at : 0;
}

/* Whether @text, from the space after the version number on, is "(build) [compiler]". */
static bool match_build(const char *text, size_t size)
{
	const char *end = memchr(text, '\0', size < VERSION_TEXT_MAX ? size : VERSION_TEXT_MAX);

	return end && strchr(text, '(') && strchr(text, ')') && strchr(text, '[');
}

struct version_search {
	char *version;
	size_t size;
};

/* Returns 1 if it is found. */
static int look_for_version(const struct data_piece *piece, void *context)
{
	const struct version_search *search = context;
	const char *text = (const char *)piece->bytes;

	for (size_t at = 0; at < piece->size && at + 8 < piece->extent; at++) {
		size_t length;

		if (text[at + 1] != '.' || (at && text[at - 1] != '\0'))
			continue;
		length = match_version_number(text + at, piece->extent - at);
		if (!length || length >= search->size)
			continue;
		if (!match_build(text + at + length, piece->extent - at - length))
			continue;
		memcpy(search->version, text + at, length);
		search->version[length] = '\0';
		return 1;
	}
	return 0;
}

int python__scan_version(const struct data_image *data, const struct memory *memory, char *version,
			 size_t size)
{
	struct version_search search = {.version = version, .size = size};
	int result = data_image__visit(data, memory, look_for_version, &search);

	return result > 0 ? 0 : result ? result : -ENOENT;
}

/*
 * The version by Py_Version (3.11 and later; Include/pyversion.h: PY_VERSION_HEX). It is constant,
 * so unlike the text for Py_GetVersion() it cannot be swapped out. Returns 0 or -ENOENT.
 */
static int read_version(const struct module *module, const struct memory *memory, char *version,
			size_t size)
{
	static const char *const levels[16] = {[0xa] = "a", [0xb] = "b", [0xc] = "rc", [0xf] = ""};
	struct elf_symbol symbol;
	uint64_t hex;
	const char *level;
	int length;

	if (elf_file__find_symbol(module->elf, "Py_Version", &symbol) ||
	    memory__read(memory, symbol.address + module->bias, &hex, sizeof(hex)))
		return -ENOENT;
	level = levels[hex >> 4 & 0xf];
	if (hex >> 32 || !level)
		return -ENOENT;
	length = snprintf(version, size, "%u.%u.%u%s", (unsigned int)(hex >> 24),
			  (unsigned int)(hex >> 16 & 0xff), (unsigned int)(hex >> 8 & 0xff), level);
	if (*level && length > 0 && (size_t)length < size)
		snprintf(version + length, size - (size_t)length, "%u", (unsigned int)(hex & 0xf));
	return 0;
}

struct offsets_search {
	struct debug_offsets_head offsets;
	uint64_t address;
};

/* Returns 1 if they are found. */
static int look_for_offsets(const struct data_piece *piece, void *context)
{
	struct offsets_search *search = context;

	for (size_t at = -piece->address & 7;
	     at < piece->size && at + sizeof(search->offsets) <= piece->extent; at += 8) {
		if (memcmp(piece->bytes + at, DEBUG_OFFSETS_COOKIE, 8) != 0)
			continue;
		memcpy(&search->offsets, piece->bytes + at, sizeof(search->offsets));
		search->address = piece->address + at;
		return 1;
	}
	return 0;
}

uint64_t python__find_symbol(const struct python *python, const char *name)
{
	struct elf_symbol symbol;

	if (elf_file__find_symbol(python->module->elf, name, &symbol))
		return 0;
	return symbol.address + python->module->bias;
}

/*
 * From 3.13 on _PyRuntime is recognized by how it begins, before by its symbol: stripped builds
 * export it.
 */
static int find_runtime(struct python *python, const struct data_image *data,
			const struct memory *memory)
{
	const struct py_offsets *known = py_offsets__of_version(python->major, python->minor);
	struct offsets_search search = {};
	int result = data_image__visit(data, memory, look_for_offsets, &search);

	if (result > 0) {
		python->runtime = search.address;
		python->free_threaded = search.offsets.free_threaded;
		python->interpreters_head =
			python->runtime + search.offsets.runtime_state.interpreters_head;
		python->next_interpreter_offset = search.offsets.interpreter_state.next;
		return 0;
	}
	if (result || !known || known->runtime_interpreters_head == PY_NO_OFFSET)
		return result;
	python->runtime = python__find_symbol(python, "_PyRuntime");
	if (!python->runtime || python->minor < 12)
		return 0;
	python->interpreters_head = python->runtime + known->runtime_interpreters_head;
	python->next_interpreter_offset = known->interpreter_next;
	return 0;
}

/*
 * Takes @module (and sets it to NULL) if it contains a CPython. *room: how many bytes of data may
 * still be searched, in all modules together. Returns 0; -ENOEXEC it contains none; -EAGAIN it
 * does, judging by its symbols, but is not initialized yet; -EFBIG: it has too much data; or
 * negative errno.
 */
static int try_module(struct python *python, struct module **module, const struct target *target,
		      uint64_t *room)
{
	const struct memory *memory = target->memory;
	_cleanup_(data_image__free) struct data_image data = {};
	struct elf_symbol symbol;
	int err;

	err = module__read_data(*module, memory, &data);
	if (err)
		return err;
	if (!checked_sub(*room, data_image__bytes(&data), room))
		return -EFBIG;
	err = python__scan_version(&data, memory, python->version, sizeof(python->version));
	if (err == -ENOENT && memory__has_left(memory))
		err = read_version(*module, memory, python->version, sizeof(python->version));
	if (err == -ENOENT)
		return elf_file__find_symbol((*module)->elf, "PyObject_Malloc", &symbol) ? -ENOEXEC
											 : -EAGAIN;
	if (err)
		return err;
	if (sscanf(python->version, "%d.%d", &python->major, &python->minor) != 2)
		return -ENOEXEC;
	python->module = *module;
	err = find_runtime(python, &data, memory);
	if (err) {
		python->module = NULL;
		return err;
	}
	*module = NULL;
	return 0;
}

/* The executable and files named like python come first: it is nearly always one of them. */
static bool is_likely(const struct target *target, const struct mapping *mapping)
{
	return !strcmp(mapping->path, target->exe) ||
	       strstr(text__base_name(mapping->path), "python") != NULL;
}

/* Describes an error of a module that ends the search; 0 if other modules can still be tried. */
static int describe_module_error(const struct target *target, int err, struct failure *failure)
{
	switch (err) {
	case -EPERM:
		return failure__set(failure, err,
				    "process %d (%s): not allowed to read its memory; %s",
				    target->pid, target->comm, target__refusal());
	case -ESRCH:
		return failure__set(failure, err, "process %d (%s) has exited", target->pid,
				    target->comm);
	case -ENOMEM:
		return failure__set(failure, err, "out of memory");
	case -ETIME:
		return reading_allowance__describe(target->pid, failure);
	default:
		return 0;
	}
}

/* What was tried, and with which result. */
struct attempt {
	bool is_pending;   /* one is not initialized yet */
	bool is_cut;	   /* there are more files than are opened */
	uint64_t room;	   /* how many bytes of data may still be searched */
	bool is_cut_short; /* there is more data than that */
	bool is_too_large; /* the data of one exceeds the account of the process */
};

/* Tries the modules that are likely, or those that are not. */
static int try_modules(struct python *python, const struct target *target,
		       const struct executable_files *files, bool likely, struct attempt *attempt,
		       struct failure *failure)
{
	size_t opened_cnt = 0;

	for (size_t i = 0; i < files->cnt; i++) {
		_cleanup_(module__freep) struct module *module = NULL;
		int err;

		if (is_likely(target, files->items[i]) != likely)
			continue;
		if (opened_cnt++ == EXECUTABLE_FILES_MAX) {
			attempt->is_cut = true;
			break;
		}
		err = module__open(&module, target, files->items[i]);
		if (!err && !elf_file__is_64bit(module->elf))
			return failure__set(
				failure, -ENOTSUP,
				"process %d (%s) is a 32-bit process; pyfrag reads 64-bit "
				"Pythons only",
				target->pid, target->comm);
		if (!err)
			err = try_module(python, &module, target, &attempt->room);
		if (!err)
			return 0;
		attempt->is_cut_short |= err == -EFBIG;
		if (err == -EAGAIN)
			attempt->is_pending = true;
		attempt->is_too_large |= err == -EDQUOT;
		err = describe_module_error(target, err, failure);
		if (err)
			return err;
	}
	return -ENOEXEC;
}

int python__find_module(struct module **out, const struct target *target)
{
	_cleanup_(executable_files__release) struct executable_files files = {};
	int err = executable_files__find(&files, target->maps, target->map_cnt);

	if (err)
		return err;
	for (size_t i = 0; i < files.cnt && i < EXECUTABLE_FILES_MAX; i++) {
		_cleanup_(module__freep) struct module *module = NULL;
		struct elf_symbol symbol;

		err = module__open(&module, target, files.items[i]);
		if (err == -ENOMEM || err == -ETIME)
			return err;
		if (err || !elf_file__is_64bit(module->elf) ||
		    elf_file__find_symbol(module->elf, "PyObject_Malloc", &symbol))
			continue;
		*out = TAKE_PTR(module);
		return 0;
	}
	return -ENOEXEC;
}

static bool is_pypy(const struct target *target)
{
	for (size_t i = 0; i < target->map_cnt; i++)
		if (target->maps[i].executable &&
		    (!strncmp(text__base_name(target->maps[i].path), "pypy", 4) ||
		     !strncmp(text__base_name(target->maps[i].path), "libpypy", 7)))
			return true;
	return false;
}

static int describe_absence(const struct target *target, const struct attempt *attempt,
			    struct failure *failure)
{
	if (!target->map_cnt)
		return failure__set(
			failure, -ENOEXEC,
			"process %d (%s) has no memory: it is a kernel thread, or it is exiting",
			target->pid, target->comm);
	if (is_pypy(target))
		return failure__set(failure, -ENOEXEC,
				    "process %d (%s) is PyPy, which has no pymalloc arenas; pyfrag "
				    "reads CPython only",
				    target->pid, target->comm);
	if (attempt->is_too_large)
		return shortage__describe(target, -EDQUOT, failure);
	if (attempt->is_pending)
		return failure__set(failure, -EAGAIN,
				    "process %d (%s): Python is not initialized yet; try again",
				    target->pid, target->comm);
	return failure__set(
		failure, -ENOEXEC,
		"process %d (%s) is not a CPython process: no CPython found in its executable or "
		"libraries (%s)%s",
		target->pid, target->comm, *target->exe ? target->exe : "executable unknown",
		attempt->is_cut || target->maps_are_cut
			? "; not all of its mapped files were examined, because there are too many"
		: attempt->is_cut_short
			? "; not all of its static data was examined, because there is too much"
			: "");
}

int python__find(struct python **out, const struct target *target, struct failure *failure)
{
	_cleanup_(python__freep) struct python *python = NULL;
	_cleanup_(executable_files__release) struct executable_files files = {};
	struct attempt attempt = {.room = DATA_BYTES_MAX};
	int err;

	python = calloc(1, sizeof(*python));
	if (!python)
		return failure__set(failure, -ENOMEM, "out of memory");
	if (executable_files__find(&files, target->maps, target->map_cnt))
		return failure__set(failure, -ENOMEM, "out of memory");
	err = try_modules(python, target, &files, true, &attempt, failure);
	if (err == -ENOEXEC && !is_pypy(target))
		err = try_modules(python, target, &files, false, &attempt, failure);
	if (err == -ENOEXEC)
		return describe_absence(target, &attempt, failure);
	if (err)
		return err;
	*out = TAKE_PTR(python);
	return 0;
}

/* The start of struct pyinterpreters, from `head` on (pycore_runtime.h, 3.12 to 3.15). */
struct registry {
	uint64_t head, main, next_id;
};

static int read_registry(const struct python *python, const struct memory *memory,
			 struct registry *out)
{
	return memory__read(memory, python->interpreters_head, out, sizeof(*out));
}

/*
 * Whether @interpreters is the whole list. The main interpreter is the oldest and comes last,
 * unless one was freed while the list was followed. No other was created meanwhile if the registry,
 * read before and after, is the same.
 */
static bool is_whole_list(const uint64_t *interpreters, size_t cnt, const struct registry *before,
			  const struct registry *after)
{
	return before->head == after->head && before->next_id == after->next_id &&
	       (cnt ? interpreters[cnt - 1] == after->main : !after->main);
}

/* How often to read the list while it changes. */
#define LIST_TRIES_MAX 8

/* Reads the list and the registry. *is_whole: see python__interpreters(). */
static int read_interpreters(const struct python *python, const struct memory *memory,
			     struct registry *registry, uint64_t **out, size_t *cnt, bool *is_whole)
{
	_cleanup_account_free_ uint64_t *found = NULL;
	int err = read_registry(python, memory, registry);

	*is_whole = false;
	for (int try = 0; try < LIST_TRIES_MAX && !err && !*is_whole; try++) {
		struct registry before = *registry;

		account__free(TAKE_PTR(found));
		err = interpreter_list__read(python->interpreters_head,
					     python->next_interpreter_offset, memory, &found, cnt);
		if (!err)
			err = read_registry(python, memory, registry);
		*is_whole = !err && is_whole_list(found, *cnt, &before, registry);
	}
	if (!err)
		*out = TAKE_PTR(found);
	return err;
}

int python__interpreters(const struct python *python, const struct memory *memory, uint64_t **out,
			 size_t *cnt, bool *is_whole)
{
	struct registry registry;

	if (python->interpreters_head)
		return read_interpreters(python, memory, &registry, out, cnt, is_whole);
	*out = NULL;
	*cnt = 0;
	*is_whole = true;
	return 0;
}

uint64_t python__ended_interpreters(const struct python *python, const struct memory *memory)
{
	_cleanup_account_free_ uint64_t *alive = NULL;
	struct registry registry;
	bool is_whole;
	size_t cnt;

	if (!python->interpreters_head ||
	    read_interpreters(python, memory, &registry, &alive, &cnt, &is_whole) || !is_whole ||
	    registry.next_id > INT64_MAX || registry.next_id < cnt)
		return 0;
	return registry.next_id - cnt;
}
