// SPDX-License-Identifier: BSD-2-Clause
#include "target/smaps.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/cleanup.h"
#include "util/cpu_allowance.h"

static const struct {
	const char *name;
	size_t member; /* offset in struct smaps_usage */
} fields[] = {
#define MEMBER(name) offsetof(struct smaps_usage, name)
	{"Rss:", MEMBER(resident_bytes)},
	{"Shared_Clean:", MEMBER(shared_clean_bytes)},
	{"Shared_Dirty:", MEMBER(shared_dirty_bytes)},
	{"Private_Clean:", MEMBER(private_clean_bytes)},
	{"Private_Dirty:", MEMBER(private_dirty_bytes)},
	{"AnonHugePages:", MEMBER(huge_bytes)},
	{"ShmemPmdMapped:", MEMBER(huge_bytes)},
	{"FilePmdMapped:", MEMBER(huge_bytes)},
	{"Shared_Hugetlb:", MEMBER(hugetlb_bytes)},
	{"Private_Hugetlb:", MEMBER(hugetlb_bytes)},
	{"Swap:", MEMBER(swap_bytes)},
#undef MEMBER
};

void smaps__release(struct smaps *smaps)
{
	mappings__release(&smaps->mappings);
	free(smaps->usages);
	*smaps = (struct smaps){};
}

/* Adds the field of the mapping to its member; several fields may make up one. */
static void take_field(struct smaps *smaps, const char *line)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		size_t length = strlen(fields[i].name);
		char *usage = (char *)&smaps->usages[smaps->mappings.cnt - 1];

		if (strncmp(line, fields[i].name, length) != 0)
			continue;
		*(uint64_t *)(usage + fields[i].member) += strtoull(line + length, NULL, 10) * 1024;
		smaps->has_swap |= fields[i].member == offsetof(struct smaps_usage, swap_bytes);
	}
}

/* A line is the head of a mapping, or a field of the last one: "Name: value kB". */
static int take_line(struct smaps *smaps, char *line)
{
	struct mappings *mappings = &smaps->mappings;
	size_t word = strcspn(line, " ");
	int err;

	if (word && line[word - 1] == ':') {
		if (!mappings->cnt)
			return -EIO;
		take_field(smaps, line);
		return 0;
	}
	err = ARRAY_RESERVE(smaps->usages, smaps->capacity, mappings->cnt + 1);
	if (err)
		return err;
	smaps->usages[mappings->cnt] = (struct smaps_usage){};
	return mappings__append(mappings, line);
}

int smaps__parse(struct smaps *out, FILE *file)
{
	_cleanup_(smaps__release) struct smaps smaps = {};
	_cleanup_free_ char *line = NULL;
	size_t capacity = 0;
	int err = 0;

	while (!err && !(err = cpu_allowance__check()) && getline(&line, &capacity, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		err = take_line(&smaps, line);
	}
	smaps.mappings.is_cut = err == -E2BIG;
	if (!err && ferror(file))
		err = -EIO;
	if (err && !smaps.mappings.is_cut)
		return err;
	*out = smaps;
	smaps = (struct smaps){};
	return 0;
}
