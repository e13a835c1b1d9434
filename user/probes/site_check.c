// SPDX-License-Identifier: BSD-2-Clause
#include "probes/site_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes/function_scan.h"
#include "util/array.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "util/cpu_allowance.h"
#include "util/partition_point.h"

/* For all functions together. In CPython, those with sites have half a megabyte. */
#define CHECKED_BYTES_MAX (16UL << 20)

/* A function as it was in the file when it was scanned. */
struct checked_function {
	uint64_t address, offset; /* in the file */
	uint8_t *bytes;
	size_t size;
	uint8_t *boundaries; /* a bit for each byte: whether an instruction begins there */
	struct shape_site *sites;
	size_t site_cnt, site_capacity;
	uint64_t round; /* of the last comparison */
	bool is_same;	/* in file and process, in that round */
};

struct site_check {
	int fd;
	uint64_t bias, code_bytes_max;
	uint64_t code_address; /* address of some of the file's code in the process */
	const struct arch *arch;
	struct function_scanner *scanner;
	struct checked_function *functions; /* sorted by address */
	size_t function_cnt, function_capacity;
	size_t checked_bytes;
	uint64_t round;	 /* number of calls of site_check__select() */
	uint8_t *buffer; /* FUNCTION_BYTES_MAX */
};

/* The file as it is now; valid for one call. */
struct file_view {
	struct elf_file *elf;
	const struct elf_code *code;
	const uint64_t *starts;
	size_t code_cnt, start_cnt;
	struct site_set named; /* sites found by name; empty unless one of those is checked */
};

/*
 * Determines the architecture of the file's code, and where the process has mapped its first
 * executable segment.
 */
static int look_at_file(struct site_check *check)
{
	_cleanup_(elf_file__freep) struct elf_file *elf = NULL;
	const struct elf_segment *segments;
	int err = elf_file__open(&elf, check->fd);
	size_t cnt;

	if (err)
		return err;
	check->arch = elf_file__arch(elf);
	if (!check->arch || check->arch != arch__own())
		return -ENOTSUP;
	cnt = elf_file__segments(elf, &segments);
	for (size_t i = 0; i < cnt; i++) {
		if (!segments[i].executable)
			continue;
		check->code_address = segments[i].address + check->bias;
		return 0;
	}
	return -ENOEXEC;
}

int site_check__new(struct site_check **out, int fd, uint64_t bias, uint64_t code_bytes_max)
{
	_cleanup_(site_check__freep) struct site_check *check = calloc(1, sizeof(*check));
	int err;

	if (!check)
		return -ENOMEM;
	check->bias = bias;
	check->code_bytes_max = code_bytes_max;
	check->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (check->fd < 0)
		return -errno;
	check->buffer = malloc(FUNCTION_BYTES_MAX);
	if (!check->buffer)
		return -ENOMEM;
	err = look_at_file(check);
	if (!err)
		err = function_scanner__new(&check->scanner, check->arch);
	if (err)
		return err;
	*out = TAKE_PTR(check);
	return 0;
}

static void checked_function__release(struct checked_function *function)
{
	free(function->bytes);
	free(function->boundaries);
	free(function->sites);
}

void site_check__free(struct site_check *check)
{
	if (!check)
		return;
	for (size_t i = 0; i < check->function_cnt; i++)
		checked_function__release(&check->functions[i]);
	free(check->functions);
	function_scanner__free(check->scanner);
	free(check->buffer);
	closep(&check->fd);
	free(check);
}

void site_check__freep(struct site_check **check)
{
	site_check__free(*check);
}

static void file_view__release(struct file_view *view)
{
	site_set__free(&view->named);
	elf_file__free(view->elf);
}

static int file_view__open(struct file_view *out, const struct site_check *check, bool with_named)
{
	_cleanup_(file_view__release) struct file_view view = {};
	int err = elf_file__open(&view.elf, check->fd);

	if (!err && check->code_bytes_max)
		elf_file__limit_code(view.elf, check->code_bytes_max);
	if (!err)
		err = elf_file__code(view.elf, &view.code, &view.code_cnt);
	if (!err)
		err = elf_file__function_starts(view.elf, &view.starts, &view.start_cnt);
	if (!err && with_named)
		err = site_set__scan_named(&view.named, view.elf);
	if (err)
		return err;
	*out = view;
	view = (struct file_view){};
	return 0;
}

/* The code that contains @address, or NULL. */
static const struct elf_code *find_code(const struct file_view *view, uint64_t address)
{
	for (size_t i = 0; i < view->code_cnt; i++) {
		const struct elf_code *code = &view->code[i];

		if (address >= code->address && address - code->address < code->size &&
		    code->address + code->size > code->address)
			return code;
	}
	return NULL;
}

static int keep_shape(const struct shape_site *site, void *context)
{
	struct checked_function *function = context;
	int err = ARRAY_RESERVE(function->sites, function->site_capacity, function->site_cnt + 1);

	if (!err)
		function->sites[function->site_cnt++] = *site;
	return err;
}

static int scan_shapes(struct site_check *check, struct checked_function *function)
{
	const struct insn *insns;
	size_t cnt;
	int err = function_scanner__scan(check->scanner, function->bytes, function->size,
					 function->address, keep_shape, function);

	if (err)
		return err;
	insns = function_scanner__insns(check->scanner, &cnt);
	for (size_t i = 0; i < cnt; i++)
		if (insns[i].op != INSN_UNDECODED)
			bits__set(function->boundaries,
				  (uint32_t)(insns[i].address - function->address));
	return 0;
}

/* Adds sites without a shape: a symbol names their address, and an instruction begins there. */
static int add_named_sites(struct checked_function *function, const struct site_set *named)
{
	int err = 0;

	for (size_t i = 0; i < named->cnt && !err; i++) {
		const struct site *site = &named->items[i];
		uint64_t at = site->address - function->address;
		const struct shape_site found = {.address = site->address,
						 .emulated = site->emulated,
						 .site = site->probe};

		if (at < function->size && bits__get(function->boundaries, (uint32_t)at))
			err = keep_shape(&found, function);
	}
	return err;
}

/* The index of the first function that begins after @address. */
static size_t find_next(const struct site_check *check, uint64_t address)
{
	return PARTITION_POINT(function, check->functions, check->function_cnt,
			       function->address <= address);
}

static struct checked_function *find_function(const struct site_check *check, uint64_t address)
{
	size_t next = find_next(check, address);
	struct checked_function *function = next ? &check->functions[next - 1] : NULL;

	return function && address - function->address < function->size ? function : NULL;
}

/* Reads and scans the function that contains @address, if there is one. */
static int add_function(struct site_check *check, const struct file_view *view, uint64_t address)
{
	_cleanup_(checked_function__release) struct checked_function function = {};
	const struct elf_code *code = find_code(view, address);
	struct function_extent extent;
	size_t at;
	int err;

	if (!code)
		return 0;
	extent = function_extent__of(code, view->starts, view->start_cnt, address);
	function.address = extent.start;
	function.size = extent.end - extent.start;
	function.offset = elf_file__offset_of(view->elf, extent.start);
	if (function.offset == UINT64_MAX ||
	    function.size > CHECKED_BYTES_MAX - check->checked_bytes)
		return 0;
	function.bytes = malloc(function.size);
	function.boundaries = calloc(1, bits__bytes(function.size));
	if (!function.bytes || !function.boundaries)
		return -ENOMEM;
	memcpy(function.bytes, code->bytes + (extent.start - code->address), function.size);
	err = scan_shapes(check, &function);
	if (!err)
		err = add_named_sites(&function, &view->named);
	if (!err)
		err = ARRAY_RESERVE(check->functions, check->function_capacity,
				    check->function_cnt + 1);
	if (err)
		return err;
	at = find_next(check, function.address);
	memmove(&check->functions[at + 1], &check->functions[at],
		(check->function_cnt - at) * sizeof(function));
	check->functions[at] = function;
	check->function_cnt++;
	check->checked_bytes += function.size;
	function = (struct checked_function){};
	return 0;
}

/* Whether the file still has the bytes that were scanned. They are read by offset, like uprobes. */
static bool is_file_unchanged(const struct site_check *check,
			      const struct checked_function *function)
{
	return pread(check->fd, check->buffer, function->size, (off_t)function->offset) ==
		       (ssize_t)function->size &&
	       !memcmp(check->buffer, function->bytes, function->size);
}

/*
 * Whether there is a breakpoint at @found, of which @size bytes were read, and one is allowed
 * there: it is @at bytes into the function, where an instruction begins.
 */
static bool is_breakpoint(const struct site_check *check, const struct checked_function *function,
			  size_t at, const uint8_t *found, size_t size)
{
	return bits__get(function->boundaries, (uint32_t)at) &&
	       size >= check->arch->breakpoint_bytes &&
	       !memcmp(found, check->arch->breakpoint, check->arch->breakpoint_bytes);
}

/*
 * Whether the process has, at @address, the @size bytes of the function that begin at offset @from,
 * apart from breakpoints.
 */
static bool is_same_code(const struct site_check *check, const struct memory *memory,
			 uint64_t address, const struct checked_function *function, size_t from,
			 size_t size)
{
	const uint8_t *expected = function->bytes + from, *found = check->buffer;

	if (memory__read(memory, address, check->buffer, size))
		return false;
	for (size_t i = 0; i < size;) {
		if (is_breakpoint(check, function, from + i, found + i, size - i))
			i += check->arch->breakpoint_bytes;
		else if (found[i] == expected[i])
			i++;
		else
			return false;
	}
	return true;
}

/*
 * The same for the part of @function that is in @place. Sets *whole if that is the whole function,
 * at the address where the loader maps it.
 */
static bool is_same_at(const struct site_check *check, const struct memory *memory,
		       const struct file_place *place, const struct checked_function *function,
		       bool *whole)
{
	uint64_t place_end = place->offset + (place->end - place->start);
	uint64_t start = function->offset, end = function->offset + function->size, address;

	if (start < place->offset)
		start = place->offset;
	if (end > place_end)
		end = place_end;
	if (start >= end)
		return true;
	address = place->start + (start - place->offset);
	*whole |= end - start == function->size && address == function->address + check->bias;
	return is_same_code(check, memory, address, function, start - function->offset,
			    end - start);
}

static bool compare_function(const struct site_check *check, const struct file_places *places,
			     const struct memory *memory, const struct checked_function *function)
{
	bool whole = false;

	if (!is_file_unchanged(check, function))
		return false;
	for (size_t i = 0; i < places->cnt; i++)
		if (!is_same_at(check, memory, &places->items[i], function, &whole))
			return false;
	return whole;
}

/* Whether the new scan of the function's code has found exactly this site. */
static bool has_site(const struct checked_function *function, const struct site *site)
{
	if (site->offset != function->offset + (site->address - function->address))
		return false;
	for (size_t i = 0; i < function->site_cnt; i++) {
		const struct shape_site *shape = &function->sites[i];

		if (shape->address == site->address && shape->emulated == site->emulated &&
		    !memcmp(&shape->site, &site->probe, sizeof(site->probe)))
			return true;
	}
	return false;
}

static int add_functions(struct site_check *check, const struct site *const *sites, size_t cnt)
{
	_cleanup_(file_view__release) struct file_view view = {};
	bool with_named = false;
	int err = 0;

	for (size_t i = 0; i < cnt; i++)
		with_named |= sites[i]->probe.type == EVENT_FREELIST_CLEAR;
	for (size_t i = 0; i < cnt && !err && !(err = cpu_allowance__check()); i++) {
		if (find_function(check, sites[i]->address))
			continue;
		if (!view.elf)
			err = file_view__open(&view, check, with_named);
		if (!err)
			err = add_function(check, &view, sites[i]->address);
	}
	return err;
}

int site_check__select(struct site_check *check, const struct file_places *places,
		       const struct memory *memory, const struct site **sites, size_t cnt,
		       size_t *sound_cnt)
{
	size_t kept = 0;
	int err = add_functions(check, sites, cnt);

	if (err)
		return err;
	check->round++;
	for (size_t i = 0; i < cnt; i++) {
		struct checked_function *function = find_function(check, sites[i]->address);

		if (!function)
			continue;
		if (function->round != check->round) {
			function->is_same = compare_function(check, places, memory, function);
			function->round = check->round;
		}
		if (function->is_same && has_site(function, sites[i]))
			sites[kept++] = sites[i];
	}
	*sound_cnt = kept;
	return 0;
}

int site_check__select_in(struct site_check *check, struct target *target,
			  const struct site **sites, size_t cnt, size_t *sound_cnt)
{
	struct file_places places;
	int err = file_places__find(&places, target, check->fd, check->code_address);

	if (err == -ESRCH || err == -ENOMEM)
		return err;
	if (err)
		places.cnt = 0;
	return site_check__select(check, &places, target->memory, sites, cnt, sound_cnt);
}
