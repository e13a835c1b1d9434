// SPDX-License-Identifier: BSD-2-Clause
#include "output/text_object.h"

#include <inttypes.h>
#include <string.h>

#include "output/text_census.h"
#include "util/cleanup.h"
#include "util/text.h"
#include "util/units.h"

#define BYTES(bytes)	     (units__bytes(bytes).text)
#define COUNT(count)	     (units__count(count).text)
#define COUNTED(count, noun) (units__counted(count, noun).text)

#define SHOWN_MAX 20

static void write_relations(const struct census *census, const char *title,
			    const struct relations *relations, FILE *out)
{
	uint64_t all = relations->cnt + relations->omitted_cnt;

	fprintf(out, "\n%s: %s%s\n", title, COUNT(all),
		all > SHOWN_MAX ? " (more of them with --json)" : "");
	for (size_t i = 0; i < relations->cnt && i < SHOWN_MAX; i++) {
		const struct relation *relation = &relations->items[i];

		fprintf(out, "  %#-18" PRIx64 " ", relation->address);
		text__write(relation->via, out);
		fputs("  ", out);
		text_census__write_kind(census, relation->kind, out);
		if (relation->value) {
			fputc(' ', out);
			text__write(relation->value, out);
		}
		fputc('\n', out);
	}
}

static void write_owner(const struct census *census, const struct object_report *report, FILE *out)
{
	uint64_t start = report->chunk.block;

	if (report->address - start < report->chunk.size) {
		fprintf(out, "contains the %s",
			block_kind__role(report->kind) == BLOCK_OBJECT ? "object" : "block");
	} else if (block_kind__role(report->chunk_kind) == BLOCK_BUFFER) {
		text_census__write_kind(census, report->chunk_kind, out);
		fprintf(out, " %#" PRIx64, report->address);
	} else {
		fprintf(out, "the block at %#" PRIx64 " refers to it", report->address);
	}
}

static void write_chunk(const struct census *census, const struct object_report *report, FILE *out)
{
	static const char *const states[] = {
		[CHUNK_IN_USE] = "in use",
		[CHUNK_FREE] = "free",
		[CHUNK_IN_FASTBIN] = "free, in a fastbin",
		[CHUNK_IN_TCACHE] = "free, in the tcache of a thread",
	};
	const struct known_chunk *chunk = &report->chunk;

	fprintf(out, "\nChunk of malloc %#" PRIx64 ": %s, %s%s", chunk->block, BYTES(chunk->size),
		states[chunk->state], chunk->is_mapped ? ", in a mapping of its own" : "");
	if (!report->is_chunk_only) {
		fputs("; ", out);
		write_owner(census, report, out);
	} else if (chunk->state == CHUNK_IN_USE) {
		fputs("; no known Python object refers to it: C code holds it", out);
	}
	fputc('\n', out);
}

static void write_object(const struct census *census, const struct object_report *report, FILE *out)
{
	fprintf(out, "\nObject %#" PRIx64 ": ", report->address);
	text_census__write_kind(census, report->kind, out);
	if (report->value) {
		fputc(' ', out);
		text__write(report->value, out);
	}
	if (report->block_size)
		fprintf(out, ", in a block of %s at %#" PRIx64, BYTES(report->block_size),
			report->block);
	else
		fputs(", outside of arenas", out);
	fputs("\n  ", out);
	text_census__write_keeper(report->path, block_kind__role(report->kind) == BLOCK_FREE_LISTED,
				  out);
	fprintf(out, "\n  freeing it frees in total %s (%s) in arenas, and %s and %s (%s) outside",
		COUNTED(report->dominated_blocks, "block"), BYTES(report->dominated_bytes),
		COUNTED(report->dominated_outside, "object"),
		COUNTED(report->dominated_buffers, "buffer"),
		BYTES(report->dominated_outside_bytes));
	if (report->freed_arenas)
		fprintf(out, "; this releases %s (%s)", COUNTED(report->freed_arenas, "arena"),
			BYTES(report->freed_bytes));
	fputc('\n', out);
	write_relations(census,
			report->is_root
				? "Referred to by a root (a variable, a frame, an interpreter, "
				  "static data or the list of modules) and by objects"
				: "Referred to by objects",
			&report->referrers, out);
	write_relations(census, "Refers to", &report->referents, out);
}

void text_object__write(const struct census *census, const struct object_report *report, FILE *out)
{
	if (report->chunk.size)
		write_chunk(census, report, out);
	if (!report->is_chunk_only)
		write_object(census, report, out);
}
