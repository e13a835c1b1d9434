// SPDX-License-Identifier: BSD-2-Clause
#include "code_recording.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/arch/insn_decoder.h"
#include "probes/shapes.h"
#include "pyfrag/events.h"
#include "unit_test.h"
#include "util/cleanup.h"

static void read_line(struct code_recording *recording, const char *text)
{
	struct code_line *line = &recording->lines[recording->cnt++];
	char *at;

	assert_true(recording->cnt <= CODE_INSNS_MAX);
	line->address = strtoull(text, &at, 16);
	assert_int_equal(*at, '\t');
	while (*at == '\t' || *at == ' ') {
		char *end;
		uint64_t byte = strtoull(at + 1, &end, 16);

		assert_int_equal(end - at, 3);
		assert_true(line->size < sizeof(line->bytes));
		line->bytes[line->size++] = (uint8_t)byte;
		at = end;
		if (*at == '\t')
			break;
	}
	assert_true(line->size > 0);
}

void code_recording__read(struct code_recording *out, const char *path)
{
	_cleanup_fclose_ FILE *file = fopen(path, "r");
	const char *name = strrchr(path, '/');
	char line[256];

	assert_non_null(file);
	*out = (struct code_recording){.arch = &arch_x86_64};
	snprintf(out->name, sizeof(out->name), "%s", name ? name + 1 : path);
	while (fgets(line, sizeof(line), file)) {
		size_t used = strlen(out->expected);

		assert_non_null(strchr(line, '\n'));
		if (line[0] == '>')
			snprintf(out->expected + used, CODE_TEXT_BYTES - used, "%s", line + 2);
		else if (line[0] != '#')
			read_line(out, line);
	}
}

size_t code_recording__decode(const struct code_recording *recording, struct insn *insns)
{
	_cleanup_(insn_decoder__freep) struct insn_decoder *decoder = NULL;
	size_t cnt = 0;

	assert_int_equal(insn_decoder__new(&decoder, recording->arch), 0);
	for (size_t i = 0; i < recording->cnt; i++) {
		const struct code_line *line = &recording->lines[i];

		struct insn *steps = &insns[cnt];

		cnt += insn_decoder__decode(decoder, line->bytes, line->size, line->address, steps);
		assert_int_equal(steps->size, line->size);
		assert_int_not_equal(steps->op, INSN_UNDECODED);
	}
	return cnt;
}

struct writer {
	const struct arch *arch;
	char *text;
	size_t size, used;
};

static void write_operand(struct writer *writer, uint8_t operand, int16_t displacement)
{
	bool in_memory = operand & PYFRAG_OPERAND_IN_MEMORY;
	char sum[16] = "";

	if (displacement)
		snprintf(sum, sizeof(sum), "%+d", displacement);
	writer->used += (size_t)snprintf(writer->text + writer->used, writer->size - writer->used,
					 " %s%s%s%s", in_memory ? "[" : "",
					 arch__register_name(writer->arch, operand & 0x1f), sum,
					 in_memory ? "]" : "");
	assert_true(writer->used < writer->size);
}

static int write_site(const struct shape_site *site, void *context)
{
	static const char *const types[] = {
		[EVENT_ALLOC] = "alloc",	 [EVENT_FREE] = "free",
		[EVENT_NEW_POOL] = "new-pool",	 [EVENT_POOL_FREED] = "pool-freed",
		[EVENT_ARENA_MAP] = "arena-map", [EVENT_ARENA_UNMAP] = "arena-unmap",
	};
	struct writer *writer = context;

	writer->used += (size_t)snprintf(writer->text + writer->used, writer->size - writer->used,
					 "%" PRIx64 " %s", site->address, types[site->site.type]);
	assert_true(writer->used < writer->size);
	write_operand(writer, site->site.operand, site->site.displacement);
	writer->used += (size_t)snprintf(writer->text + writer->used, writer->size - writer->used,
					 "%s%s", site->emulated ? " emulated" : " stepped",
					 site->weak ? " weak" : "");
	for (size_t i = 0; i < 2 && site->site.type == EVENT_NEW_POOL; i++)
		write_operand(writer, site->site.compared[i],
			      site->site.compared[i] & PYFRAG_OPERAND_IN_MEMORY
				      ? site->site.compared_displacement
				      : 0);
	writer->used +=
		(size_t)snprintf(writer->text + writer->used, writer->size - writer->used, "\n");
	return 0;
}

void code_recording__scan(const struct arch *arch, const struct insn *insns, size_t cnt, char *text,
			  size_t size)
{
	struct shape_scan *scan;
	struct writer writer = {.arch = arch, .text = text, .size = size};

	*text = '\0';
	assert_int_equal(shape_scan__new(&scan, arch), 0);
	assert_int_equal(shape_scan__function(scan, insns, cnt, write_site, &writer), 0);
	shape_scan__free(scan);
}
