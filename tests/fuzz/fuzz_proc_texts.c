// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: whatever files of /proc contain, the values parsed from them are within bounds.
 * Mappings have the addresses and the names that their lines say, words of a command line lie
 * inside of it, labels are valid and short, and nothing is read past the end of the text.
 *
 * Input: a byte that says which file it is, then its text.
 */
#include <stdio.h>

#include "fuzz.h"
#include "target/cgroup_label.h"
#include "target/executable_files.h"
#include "target/identity.h"
#include "target/proc_fields.h"
#include "target/process_owner.h"
#include "target/smaps.h"
#include "util/cleanup.h"
#include "util/text.h"

static void check_mappings(const struct mappings *mappings)
{
	_cleanup_(executable_files__release) struct executable_files files = {};
	size_t bytes = 0;

	CHECK(mappings->cnt <= MAPPINGS_MAX);
	for (size_t i = 0; i < mappings->cnt; i++)
		bytes += strlen(mappings->items[i].path);
	CHECK(mappings->name_bytes <= bytes + mappings->cnt);
	CHECK(!executable_files__find(&files, mappings->items, mappings->cnt));
	for (size_t i = 0; i < files.cnt; i++) {
		CHECK(files.items[i]->executable && files.items[i]->inode);
		CHECK(executable_files__place_of(&files, files.items[i]) == i);
	}
}

static void check_maps(char *text, size_t size)
{
	_cleanup_fclose_ FILE *file = size ? fmemopen(text, size, "r") : NULL;
	struct mappings mappings;

	if (!file || mappings__read(&mappings, file))
		return;
	check_mappings(&mappings);
	mappings__release(&mappings);
}

static void check_smaps(char *text, size_t size)
{
	_cleanup_fclose_ FILE *file = size ? fmemopen(text, size, "r") : NULL;
	struct smaps smaps;
	uint64_t sum = 0;

	if (!file || smaps__parse(&smaps, file))
		return;
	check_mappings(&smaps.mappings);
	for (size_t i = 0; i < smaps.mappings.cnt; i++)
		sum += smaps.usages[i].resident_bytes;
	CHECK(smaps.mappings.cnt || !sum);
	smaps__release(&smaps);
}

static void check_cmdline(const char *text, size_t size)
{
	bool is_cut = size % 2;
	char **arguments = proc_fields__arguments(text, size, &is_cut);
	_cleanup_free_ char *app = identity__app(arguments, "comm"),
			    *label = text__shorten(app, IDENTITY_LABEL_BYTES_MAX),
			    *again = text__to_utf8(label);
	size_t cnt = 0, bytes = 0;

	for (; arguments[cnt]; cnt++)
		bytes += strlen(arguments[cnt]) + 1;
	CHECK(cnt <= PROC_ARGUMENTS_MAX);
	CHECK(bytes <= size + strlen("...") + 1);
	CHECK(strlen(label) <= IDENTITY_LABEL_BYTES_MAX);
	CHECK(!strcmp(label, again));
	proc_fields__free_arguments(arguments);
}

static void check_cgroup(const char *text, size_t size)
{
	_cleanup_free_ char *path = proc_fields__cgroup(text), *label = cgroup_label__of(path);
	process_owner owner = process_owner__decide(text, 7, true);

	CHECK(owner == 7 || owner & OWNER_IS_GROUP);
	CHECK(!process_owner__is_trusted(owner));
	CHECK(strlen(path) <= size && strlen(label) <= strlen(path));
}

static void check_status(const char *text)
{
	uint64_t switches;
	uint32_t user;
	bool runs;
	int group = proc_fields__thread_group(text), state = proc_fields__state(text);

	CHECK(group && state);
	proc_fields__user(text, &user);
	proc_fields__switches(text, &switches, &runs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.bytes = data, .size = size};
	uint8_t kind = fuzz_input__byte(&input);
	/* Exactly its length plus a NUL, which the real readers append, too. */
	_cleanup_free_ char *text = malloc(input.size + 1);

	size = input.size;
	fuzz_input__take(&input, text, size);
	text[size] = '\0';
	switch (kind % 5) {
	case 0:
		check_maps(text, size);
		break;
	case 1:
		check_smaps(text, size);
		break;
	case 2:
		check_cmdline(text, size);
		break;
	case 3:
		check_cgroup(text, size);
		break;
	default:
		check_status(text);
	}
	return 0;
}
