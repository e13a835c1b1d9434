// SPDX-License-Identifier: BSD-2-Clause
#include "target/smaps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/cleanup.h"
#include "util/cpu_allowance.h"

static const char rss[] = "Rss:";

void smaps__release(struct smaps *smaps)
{
	mappings__release(&smaps->mappings);
	free(smaps->resident_bytes);
	*smaps = (struct smaps){};
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
		if (!strncmp(line, rss, strlen(rss)))
			smaps->resident_bytes[mappings->cnt - 1] =
				strtoull(line + word, NULL, 10) * 1024;
		return 0;
	}
	err = ARRAY_RESERVE(smaps->resident_bytes, smaps->capacity, mappings->cnt + 1);
	if (err)
		return err;
	smaps->resident_bytes[mappings->cnt] = 0;
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
