// SPDX-License-Identifier: BSD-2-Clause
#include "output/text_memory.h"

#include "output/text_census.h"
#include "util/units.h"

#define BYTES(bytes)   units__bytes(bytes).text
#define COUNT(count)   units__count(count).text
#define PERCENT(share) units__percent(share).text

#define ROWS_MAX 10

void text_memory__write(const struct memory_use *use, double age_s, FILE *out)
{
	static const char *const notes[MEMORY_PART_CNT] = {
		[MEMORY_ARENAS] = "pymalloc's arenas",
		[MEMORY_MALLOC] = "objects over 512 bytes, and allocations of C code",
		[MEMORY_OTHER_MALLOCS] = "other allocators, see below",
		[MEMORY_FRAME_STACKS] = "of Python's functions",
		[MEMORY_STACKS] = "of threads",
		[MEMORY_GUARDS] = "pages below stacks that nobody may access",
		[MEMORY_FILES] = "programs, libraries and their static data; other mapped files",
		[MEMORY_SHARED] = "shared memory without a file on disk",
		[MEMORY_KERNEL] = "provided by the kernel",
		[MEMORY_BREAK] = "[heap], but not glibc's malloc",
		[MEMORY_UNEXPLAINED] = "other anonymous memory (extension modules, other mallocs)",
	};

	fputs("\nMemory", out);
	if (age_s >= 1)
		fprintf(out, " %s ago", units__seconds(age_s).text);
	fprintf(out, ": %s resident\n", BYTES(use->all.resident_bytes));
	for (int part = 0; part < MEMORY_PART_CNT; part++) {
		uint64_t bytes = use->parts[part].resident_bytes;

		if (!use->parts[part].mapped_bytes)
			continue;
		fprintf(out, "  %-13s %12s %8s  %s\n", memory_part_names[part], BYTES(bytes),
			PERCENT(use->all.resident_bytes
					? (double)bytes / (double)use->all.resident_bytes
					: 0),
			notes[part]);
	}
}

void text_memory__write_outside(const struct census *census, const struct outside_objects *objects,
				uint64_t in_use_bytes, FILE *out)
{
	struct outside_row rest = {};

	fprintf(out, "\nObjects and buffers outside of arenas: %s, %s in total\n",
		units__counted(objects->cnt, "allocation").text, BYTES(objects->bytes));
	for (size_t i = 0; i < objects->row_cnt; i++) {
		const struct outside_row *row = &objects->rows[i];

		if (i >= ROWS_MAX) {
			rest.cnt += row->cnt;
			rest.bytes += row->bytes;
			continue;
		}
		fprintf(out, "  %12s %12s  ", COUNT(row->cnt), BYTES(row->bytes));
		text_census__write_kind(census, row->kind, out);
		fputc('\n', out);
	}
	if (rest.cnt)
		fprintf(out, "  %12s %12s  (%s more kinds)\n", COUNT(rest.cnt), BYTES(rest.bytes),
			COUNT(objects->row_cnt - ROWS_MAX));
	fprintf(out, "  %12s %12s  (what else malloc has in use)\n", "",
		BYTES(outside_objects__rest(objects, in_use_bytes)));
}
