// SPDX-License-Identifier: BSD-2-Clause
#include "probes/function_scan.h"

#include <errno.h>
#include <stdlib.h>

#include "probes/arch/insn_decoder.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/partition_point.h"

struct function_scanner {
	struct insn_decoder *decoder;
	struct shape_scan *shapes;
	struct insn *insns;
	size_t insn_cnt, insn_capacity;
};

int function_scanner__new(struct function_scanner **out, const struct arch *arch)
{
	_cleanup_(function_scanner__freep) struct function_scanner *scanner =
		calloc(1, sizeof(*scanner));
	int err;

	if (!scanner)
		return -ENOMEM;
	err = insn_decoder__new(&scanner->decoder, arch);
	if (!err)
		err = shape_scan__new(&scanner->shapes, arch);
	if (err)
		return err;
	*out = TAKE_PTR(scanner);
	return 0;
}

void function_scanner__free(struct function_scanner *scanner)
{
	if (!scanner)
		return;
	insn_decoder__free(scanner->decoder);
	shape_scan__free(scanner->shapes);
	free(scanner->insns);
	free(scanner);
}

void function_scanner__freep(struct function_scanner **scanner)
{
	function_scanner__free(*scanner);
}

struct function_extent function_extent__of(const struct elf_code *code, const uint64_t *starts,
					   size_t start_cnt, uint64_t address)
{
	struct function_extent extent = {code->address, code->address + code->size};
	size_t next = PARTITION_POINT(start, starts, start_cnt, *start <= address);

	if (next && starts[next - 1] > extent.start)
		extent.start = starts[next - 1];
	if (next < start_cnt && starts[next] < extent.end)
		extent.end = starts[next];
	extent.start += (address - extent.start) / FUNCTION_BYTES_MAX * FUNCTION_BYTES_MAX;
	if (extent.end - extent.start > FUNCTION_BYTES_MAX)
		extent.end = extent.start + FUNCTION_BYTES_MAX;
	return extent;
}

static int decode(struct function_scanner *scanner, const uint8_t *bytes, size_t size,
		  uint64_t address)
{
	size_t at = 0;

	scanner->insn_cnt = 0;
	while (at < size) {
		struct insn *steps;
		int err = ARRAY_RESERVE(scanner->insns, scanner->insn_capacity,
					scanner->insn_cnt + INSN_STEPS_MAX);

		if (err)
			return err;
		steps = &scanner->insns[scanner->insn_cnt];
		scanner->insn_cnt += insn_decoder__decode(scanner->decoder, bytes + at, size - at,
							  address + at, steps);
		at += steps->size;
	}
	return 0;
}

int function_scanner__scan(struct function_scanner *scanner, const uint8_t *bytes, size_t size,
			   uint64_t address,
			   int (*found)(const struct shape_site *site, void *context),
			   void *context)
{
	int err = decode(scanner, bytes, size, address);

	return err ? err
		   : shape_scan__function(scanner->shapes, scanner->insns, scanner->insn_cnt, found,
					  context);
}

const struct insn *function_scanner__insns(const struct function_scanner *scanner, size_t *cnt)
{
	*cnt = scanner->insn_cnt;
	return scanner->insns;
}
