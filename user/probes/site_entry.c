// SPDX-License-Identifier: BSD-2-Clause
#include "probes/site_entry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "probes/arch/insn.h"
#include "util/array.h"
#include "util/cleanup.h"

#define LINE_BYTES 64

static void format_header(char *line, size_t cnt)
{
	snprintf(line, LINE_BYTES, "pyfrag sites %zx\n", cnt);
}

static void format_site(char *line, const struct site *site)
{
	uint64_t probe;

	_Static_assert(sizeof(probe) == sizeof(site->probe), "a site is one number");
	memcpy(&probe, &site->probe, sizeof(probe));
	snprintf(line, LINE_BYTES, "%" PRIx64 " %x %" PRIx64 "\n", site->address, site->emulated,
		 probe);
}

int site_entry__write(const struct site_set *set, FILE *file)
{
	char line[LINE_BYTES];

	if (set->cnt > SITE_ENTRY_SITES_MAX)
		return -EFBIG;
	format_header(line, set->cnt);
	fputs(line, file);
	for (size_t i = 0; i < set->cnt; i++) {
		format_site(line, &set->items[i]);
		fputs(line, file);
	}
	return ferror(file) ? -EIO : 0;
}

static bool is_in_code(const struct elf_file *elf, uint64_t address)
{
	const struct elf_segment *segments;
	size_t cnt = elf_file__segments(elf, &segments);

	for (size_t i = 0; i < cnt; i++)
		if (segments[i].executable && address >= segments[i].address &&
		    address - segments[i].address < segments[i].file_size)
			return true;
	return false;
}

/* A register, or memory at the address in one. */
static bool is_operand(uint8_t operand)
{
	return (operand & ~PYFRAG_OPERAND_IN_MEMORY) < INSN_REGISTERS;
}

static bool is_possible(const struct pyfrag_site *probe)
{
	bool compares = probe->type == EVENT_NEW_POOL;

	if (probe->type < EVENT_ALLOC || probe->type > EVENT_FREELIST_CLEAR)
		return false;
	if (probe->type == EVENT_FREELIST_CLEAR ? probe->operand != PYFRAG_NO_REGISTER
						: !is_operand(probe->operand))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(probe->compared); i++)
		if (compares ? !is_operand(probe->compared[i])
			     : probe->compared[i] != PYFRAG_NO_REGISTER)
			return false;
	return compares || !probe->compared_displacement;
}

static int parse_header(const char *line, size_t *cnt)
{
	char again[LINE_BYTES];

	if (sscanf(line, "pyfrag sites %zx", cnt) != 1 || *cnt > SITE_ENTRY_SITES_MAX)
		return -EINVAL;
	format_header(again, *cnt);
	return strcmp(line, again) == 0 ? 0 : -EINVAL;
}

static int parse_site(const char *line, const struct elf_file *elf, struct site *out)
{
	char again[LINE_BYTES];
	uint64_t address, probe;
	unsigned int emulated;
	struct site site;

	if (sscanf(line, "%" SCNx64 " %x %" SCNx64, &address, &emulated, &probe) != 3)
		return -EINVAL;
	site = (struct site){.address = address,
			     .offset = elf_file__offset_of(elf, address),
			     .emulated = emulated};
	memcpy(&site.probe, &probe, sizeof(site.probe));
	format_site(again, &site);
	if (strcmp(line, again) != 0 || !is_possible(&site.probe) || !is_in_code(elf, address) ||
	    site.offset == UINT64_MAX)
		return -EINVAL;
	*out = site;
	return 0;
}

static bool is_in_order(const struct site *before, const struct site *site)
{
	return before->address < site->address ||
	       (before->address == site->address && before->probe.type < site->probe.type);
}

int site_entry__read(struct site_set *out, FILE *file, const struct elf_file *elf)
{
	_cleanup_(site_set__free) struct site_set set = {};
	char line[LINE_BYTES];
	size_t cnt;

	if (!fgets(line, sizeof(line), file) || parse_header(line, &cnt))
		return -EINVAL;
	while (fgets(line, sizeof(line), file)) {
		struct site site;
		int err = set.cnt < cnt ? parse_site(line, elf, &site) : -EINVAL;

		if (!err && set.cnt && !is_in_order(&set.items[set.cnt - 1], &site))
			err = -EINVAL;
		if (!err)
			err = ARRAY_RESERVE(set.items, set.capacity, set.cnt + 1);
		if (err)
			return err;
		set.items[set.cnt++] = site;
	}
	if (set.cnt != cnt || ferror(file))
		return -EINVAL;
	*out = set;
	set = (struct site_set){};
	return 0;
}
