// SPDX-License-Identifier: BSD-2-Clause
/*
 * Code is scanned function by function, as delimited by .eh_frame_hdr. This limits memory, and a
 * byte that is decoded wrongly affects one function at most. Without this table a section counts as
 * one function.
 *
 * The code that clears free lists has no shape of its own. It is found by name, if there are
 * symbols.
 */
#include "probes/sites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probes/arch/insn_decoder.h"
#include "probes/function_scan.h"
#include "probes/shapes.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/cpu_allowance.h"

struct site_scan {
	struct site_set set;
	struct elf_file *elf;
	const struct arch *arch;
	struct function_scanner *scanner;
	struct shape_site *weak;
	size_t weak_cnt, weak_capacity;
};

void site_set__free(struct site_set *set)
{
	free(set->items);
	*set = (struct site_set){};
}

size_t site_set__count(const struct site_set *set, enum pyfrag_event_type type)
{
	size_t cnt = 0;

	for (size_t i = 0; i < set->cnt; i++)
		cnt += set->items[i].probe.type == type;
	return cnt;
}

struct pyfrag_site site__encode(const struct site *site)
{
	struct pyfrag_site encoded = site->probe;

	if (!site->emulated)
		encoded.type |= PYFRAG_SITE_STEPPED;
	return encoded;
}

const char *site__type_name(enum pyfrag_event_type type)
{
	switch (type) {
	case EVENT_ALLOC:
		return "alloc";
	case EVENT_FREE:
		return "free";
	case EVENT_NEW_POOL:
		return "new pool";
	case EVENT_POOL_FREED:
		return "pool freed";
	case EVENT_ARENA_MAP:
		return "arena map";
	case EVENT_ARENA_UNMAP:
		return "arena unmap";
	case EVENT_FREELIST_CLEAR:
		return "free-list clear";
	case EVENT_EXEC:
	case EVENT_FORK:
	case EVENT_OVERRUN:
	case EVENT_STACK:
		break;
	}
	return "?";
}

static void site_scan__release(struct site_scan *scan)
{
	site_set__free(&scan->set);
	function_scanner__free(scan->scanner);
	free(scan->weak);
}

static int add_site(struct site_scan *scan, uint64_t address, bool emulated,
		    const struct pyfrag_site *probe)
{
	uint64_t offset = elf_file__offset_of(scan->elf, address);
	int err;

	if (offset == UINT64_MAX)
		return 0;
	err = ARRAY_RESERVE(scan->set.items, scan->set.capacity, scan->set.cnt + 1);
	if (err)
		return err;
	scan->set.items[scan->set.cnt++] = (struct site){.address = address,
							 .offset = offset,
							 .emulated = emulated,
							 .probe = *probe};
	return 0;
}

static int take_shape(const struct shape_site *site, void *context)
{
	struct site_scan *scan = context;
	int err;

	if (!site->weak)
		return add_site(scan, site->address, site->emulated, &site->site);
	err = ARRAY_RESERVE(scan->weak, scan->weak_capacity, scan->weak_cnt + 1);
	if (!err)
		scan->weak[scan->weak_cnt++] = *site;
	return err;
}

/* Adds weak sites of the types that have no other sites. */
static int add_weak_sites(struct site_scan *scan)
{
	bool wanted[EVENT_FREELIST_CLEAR + 1];
	int err = 0;

	for (int type = EVENT_ALLOC; type <= EVENT_FREELIST_CLEAR; type++)
		wanted[type] = !site_set__count(&scan->set, (enum pyfrag_event_type)type);
	for (size_t i = 0; i < scan->weak_cnt && !err; i++) {
		const struct shape_site *weak = &scan->weak[i];

		if (wanted[weak->site.type])
			err = add_site(scan, weak->address, weak->emulated, &weak->site);
	}
	return err;
}

static int scan_code(struct site_scan *scan, const struct elf_code *code, const uint64_t *starts,
		     size_t cnt)
{
	uint64_t at = code->address, end = code->address + code->size;
	int err = 0;

	while (at < end && !err && !(err = cpu_allowance__check())) {
		struct function_extent extent = function_extent__of(code, starts, cnt, at);

		err = function_scanner__scan(scan->scanner, code->bytes + (at - code->address),
					     extent.end - at, at, take_shape, scan);
		at = extent.end;
	}
	return err;
}

/* Adds a site at the first instruction of the function at @symbol. */
static int add_function_site(struct site_scan *scan, const struct elf_symbol *symbol,
			     const struct pyfrag_site *probe)
{
	_cleanup_(insn_decoder__freep) struct insn_decoder *decoder = NULL;
	const struct elf_code *code;
	size_t cnt;
	int err;

	err = insn_decoder__new(&decoder, scan->arch);
	if (!err)
		err = elf_file__code(scan->elf, &code, &cnt);
	for (size_t i = 0; !err && i < cnt; i++) {
		uint64_t offset = symbol->address - code[i].address;
		struct insn steps[INSN_STEPS_MAX];

		if (symbol->address < code[i].address || offset >= code[i].size)
			continue;
		insn_decoder__decode(decoder, code[i].bytes + offset, code[i].size - offset,
				     symbol->address, steps);
		if (insn__can_be_probed(steps))
			err = add_site(scan, symbol->address, insn__is_emulated(steps), probe);
	}
	return err;
}

/*
 * Python 3 counts how often it clears its free lists (target/full_collections.h). Python 2 does
 * not, but exports a function that it calls then, and that Python 3 does not have
 * (clear_freelists() in Modules/gcmodule.c).
 */
static int add_freelist_clear(struct site_scan *scan)
{
	const struct pyfrag_site probe = {
		.type = EVENT_FREELIST_CLEAR,
		.operand = PYFRAG_NO_REGISTER,
		.compared = {PYFRAG_NO_REGISTER, PYFRAG_NO_REGISTER},
	};
	struct elf_symbol symbol;

	if (elf_file__find_symbol(scan->elf, "PyInt_ClearFreeList", &symbol) || !symbol.function)
		return 0;
	return add_function_site(scan, &symbol, &probe);
}

int site_set__scan_named(struct site_set *out, struct elf_file *elf)
{
	_cleanup_(site_scan__release) struct site_scan scan = {.elf = elf,
							       .arch = elf_file__arch(elf)};
	int err = scan.arch ? add_freelist_clear(&scan) : -ENOTSUP;

	if (err)
		return err;
	*out = scan.set;
	scan.set = (struct site_set){};
	return 0;
}

static int compare_sites(const void *left, const void *right)
{
	const struct site *a = left, *b = right;

	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	return (int)a->probe.type - (int)b->probe.type;
}

/* Sorts the set and removes duplicates. */
static void settle(struct site_set *set)
{
	size_t kept = 0;

	if (set->cnt)
		qsort(set->items, set->cnt, sizeof(*set->items), compare_sites);
	for (size_t i = 0; i < set->cnt; i++)
		if (!kept || compare_sites(&set->items[kept - 1], &set->items[i]) != 0)
			set->items[kept++] = set->items[i];
	set->cnt = kept;
}

int site_set__scan(struct site_set *out, struct elf_file *elf)
{
	_cleanup_(site_scan__release) struct site_scan scan = {.elf = elf,
							       .arch = elf_file__arch(elf)};
	const struct elf_code *code;
	const uint64_t *starts;
	size_t code_cnt = 0, start_cnt;
	int err;

	if (!scan.arch)
		return -ENOTSUP;
	err = function_scanner__new(&scan.scanner, scan.arch);
	if (!err)
		err = elf_file__code(elf, &code, &code_cnt);
	if (!err)
		err = elf_file__function_starts(elf, &starts, &start_cnt);
	for (size_t i = 0; i < code_cnt && !err; i++)
		err = scan_code(&scan, &code[i], starts, start_cnt);
	if (!err)
		err = add_freelist_clear(&scan);
	if (!err)
		err = add_weak_sites(&scan);
	if (err)
		return err;
	settle(&scan.set);
	*out = scan.set;
	scan.set = (struct site_set){};
	return 0;
}
