// SPDX-License-Identifier: BSD-2-Clause
#include "target/elf.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/elf_symbols.h"
#include "target/file_bytes.h"
#include "util/array.h"
#include "util/checked.h"
#include "util/cleanup.h"

/*
 * For all sections together. A libpython has a few megabytes of code, a program with everything
 * linked in, some hundreds.
 */
#define CODE_BYTES_MAX (512UL << 20)
/* .eh_frame_hdr has 8 bytes per function. */
#define UNWIND_TABLE_BYTES_MAX (16UL << 20)
/*
 * An executable file has some tens of sections, and Linux accepts up to 64 KiB of program headers.
 */
#define SECTIONS_MAX	  4096
#define SEGMENT_BYTES_MAX (64UL << 10)

/* Pointer encodings of .eh_frame_hdr. */
enum {
	POINTER_UDATA4 = 0x03,
	POINTER_SDATA4 = 0x0b,
	POINTER_RELATIVE_TO_HEADER = 0x30,
};

/* All program headers of a file, in their 64-bit form. */
struct program_headers {
	Elf64_Phdr *items;
	size_t cnt;
};

struct elf_file {
	int fd;
	bool is_64bit;
	uint64_t sections_offset;
	uint16_t section_cnt;
	struct elf_segment *segments;
	size_t segment_cnt;
	struct elf_code *code;
	size_t code_cnt, code_capacity;
	uint64_t code_bytes, code_bytes_max;
	uint64_t unwind_offset, unwind_size, unwind_address; /* of .eh_frame_hdr */
	uint64_t *function_starts;
	size_t function_cnt;
	bool functions_read;
	uint16_t machine;
};

static void program_headers__release(struct program_headers *headers)
{
	free(headers->items);
}

static Elf64_Ehdr widen_header(const Elf32_Ehdr *header)
{
	return (Elf64_Ehdr){
		.e_machine = header->e_machine,
		.e_phoff = header->e_phoff,
		.e_phentsize = header->e_phentsize,
		.e_phnum = header->e_phnum,
	};
}

static Elf64_Phdr widen_program_header(const Elf32_Phdr *header)
{
	return (Elf64_Phdr){
		.p_type = header->p_type,
		.p_flags = header->p_flags,
		.p_offset = header->p_offset,
		.p_vaddr = header->p_vaddr,
		.p_filesz = header->p_filesz,
		.p_memsz = header->p_memsz,
		.p_align = header->p_align,
	};
}

/* Sections are only used in 64-bit files. */
static int read_header(struct elf_file *elf, Elf64_Ehdr *header)
{
	union {
		Elf64_Ehdr wide;
		Elf32_Ehdr narrow;
		unsigned char ident[EI_NIDENT];
	} head = {};
	int err = file_bytes__read_at(elf->fd, 0, &head, sizeof(head.narrow));

	if (err)
		return err;
	if (memcmp(head.ident, ELFMAG, SELFMAG) != 0 || head.ident[EI_DATA] != ELFDATA2LSB ||
	    (head.ident[EI_CLASS] != ELFCLASS64 && head.ident[EI_CLASS] != ELFCLASS32))
		return -ENOEXEC;
	elf->is_64bit = head.ident[EI_CLASS] == ELFCLASS64;
	if (elf->is_64bit)
		err = file_bytes__read_at(elf->fd, 0, &head, sizeof(head.wide));
	if (err)
		return err;
	*header = elf->is_64bit ? head.wide : widen_header(&head.narrow);
	elf->machine = header->e_machine;
	if (elf->is_64bit && header->e_shentsize == sizeof(Elf64_Shdr)) {
		elf->sections_offset = header->e_shoff;
		elf->section_cnt = header->e_shoff ? header->e_shnum : 0;
	}
	return 0;
}

/* The caller frees the array. */
static int read_program_headers(const struct elf_file *elf, const Elf64_Ehdr *header,
				struct program_headers *out)
{
	size_t size = elf->is_64bit ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr),
	       cnt = header->e_phnum;
	_cleanup_free_ uint8_t *bytes = NULL;
	Elf64_Phdr *wide;
	int err;

	if (header->e_phentsize != size || !cnt || cnt * size > SEGMENT_BYTES_MAX)
		return -ENOEXEC;
	err = file_bytes__read(elf->fd, header->e_phoff, cnt * size, &bytes);
	if (err)
		return err;
	wide = calloc(cnt, sizeof(*wide));
	if (!wide)
		return -ENOMEM;
	for (size_t i = 0; i < cnt; i++)
		if (elf->is_64bit)
			memcpy(&wide[i], bytes + i * size, size);
		else
			wide[i] = widen_program_header(
				(const Elf32_Phdr *)(const void *)(bytes + i * size));
	*out = (struct program_headers){.items = wide, .cnt = cnt};
	return 0;
}

/* The caller frees the array. It is empty if the file has no sections, or none that are used. */
static int read_sections(const struct elf_file *elf, Elf64_Shdr **out, size_t *cnt)
{
	uint8_t *bytes = NULL;
	int err = 0;

	if (elf->section_cnt > SECTIONS_MAX)
		return -EFBIG;
	if (elf->section_cnt)
		err = file_bytes__read(elf->fd, elf->sections_offset,
				       elf->section_cnt * sizeof(**out), &bytes);
	if (err)
		return err;
	*out = (Elf64_Shdr *)(void *)bytes;
	*cnt = elf->section_cnt;
	return 0;
}

static int take_segments(struct elf_file *elf, const struct program_headers *headers)
{
	elf->segments = calloc(headers->cnt, sizeof(*elf->segments));
	if (!elf->segments)
		return -ENOMEM;
	for (size_t i = 0; i < headers->cnt; i++) {
		const Elf64_Phdr *header = &headers->items[i];

		if (header->p_type == PT_GNU_EH_FRAME && !elf->unwind_size) {
			elf->unwind_offset = header->p_offset;
			elf->unwind_size = header->p_filesz;
			elf->unwind_address = header->p_vaddr;
		}
		if (header->p_type != PT_LOAD)
			continue;
		elf->segments[elf->segment_cnt++] = (struct elf_segment){
			.address = header->p_vaddr,
			.memory_size = header->p_memsz,
			.offset = header->p_offset,
			.file_size = header->p_filesz,
			.writable = header->p_flags & PF_W,
			.executable = header->p_flags & PF_X,
		};
	}
	return elf->segment_cnt ? 0 : -ENOEXEC;
}

int elf_file__open(struct elf_file **out, int fd)
{
	_cleanup_(elf_file__freep) struct elf_file *elf = NULL;
	_cleanup_(program_headers__release) struct program_headers headers = {};
	Elf64_Ehdr header;
	int err;

	elf = calloc(1, sizeof(*elf));
	if (!elf)
		return -ENOMEM;
	elf->fd = fd;
	elf->code_bytes_max = CODE_BYTES_MAX;
	err = read_header(elf, &header);
	if (!err)
		err = read_program_headers(elf, &header, &headers);
	if (!err)
		err = take_segments(elf, &headers);
	if (err)
		return err;
	*out = TAKE_PTR(elf);
	return 0;
}

static void release_code(struct elf_file *elf)
{
	for (size_t i = 0; i < elf->code_cnt; i++)
		free((void *)elf->code[i].bytes);
	free(TAKE_PTR(elf->code));
	elf->code_cnt = elf->code_capacity = 0;
	elf->code_bytes = 0;
}

static void release_contents(struct elf_file *elf)
{
	release_code(elf);
	free(TAKE_PTR(elf->function_starts));
	elf->function_cnt = 0;
	elf->functions_read = false;
}

void elf_file__free(struct elf_file *elf)
{
	if (!elf)
		return;
	release_contents(elf);
	free(elf->segments);
	free(elf);
}

void elf_file__forget(struct elf_file *elf)
{
	release_contents(elf);
}

void elf_file__set_fd(struct elf_file *elf, int fd)
{
	elf->fd = fd;
}

void elf_file__freep(struct elf_file **elf)
{
	elf_file__free(*elf);
}

bool elf_file__is_64bit(const struct elf_file *elf)
{
	return elf->is_64bit;
}

uint16_t elf_file__machine(const struct elf_file *elf)
{
	return elf->machine;
}

const struct arch *elf_file__arch(const struct elf_file *elf)
{
	return elf->is_64bit ? arch__of(elf->machine) : NULL;
}

size_t elf_file__segments(const struct elf_file *elf, const struct elf_segment **segments)
{
	*segments = elf->segments;
	return elf->segment_cnt;
}

uint64_t elf_file__offset_of(const struct elf_file *elf, uint64_t address)
{
	for (size_t i = 0; i < elf->segment_cnt; i++) {
		const struct elf_segment *segment = &elf->segments[i];

		if (address >= segment->address && address - segment->address < segment->file_size)
			return segment->offset + (address - segment->address);
	}
	return UINT64_MAX;
}

static int add_code(struct elf_file *elf, uint64_t address, uint64_t offset, uint64_t size)
{
	uint8_t *bytes;
	int err;

	if (elf->code_bytes > elf->code_bytes_max || size > elf->code_bytes_max - elf->code_bytes)
		return -EFBIG;
	err = ARRAY_RESERVE(elf->code, elf->code_capacity, elf->code_cnt + 1);
	if (!err)
		err = file_bytes__read(elf->fd, offset, size, &bytes);
	if (err)
		return err;
	elf->code[elf->code_cnt++] = (struct elf_code){.address = address,
						       .offset = offset,
						       .bytes = bytes,
						       .size = size};
	elf->code_bytes += size;
	return 0;
}

/*
 * Sections exclude the gaps between them in a segment; a file without sections is read by segments.
 */
static int read_code(struct elf_file *elf)
{
	_cleanup_free_ Elf64_Shdr *sections = NULL;
	size_t section_cnt = 0, cnt = 0;
	int err = elf->is_64bit ? read_sections(elf, &sections, &section_cnt) : -ENOTSUP;

	for (size_t i = 0; i < section_cnt && !err; i++) {
		const Elf64_Shdr *section = &sections[i];

		if (section->sh_type != SHT_PROGBITS || !(section->sh_flags & SHF_EXECINSTR))
			continue;
		err = add_code(elf, section->sh_addr, section->sh_offset, section->sh_size);
		cnt++;
	}
	if (cnt)
		return err;
	for (size_t i = 0; i < elf->segment_cnt && !err; i++) {
		const struct elf_segment *segment = &elf->segments[i];

		if (segment->executable)
			err = add_code(elf, segment->address, segment->offset, segment->file_size);
	}
	return err;
}

void elf_file__limit_code(struct elf_file *elf, uint64_t bytes_max)
{
	elf->code_bytes_max = bytes_max;
}

int elf_file__code(struct elf_file *elf, const struct elf_code **code, size_t *cnt)
{
	int err;

	if (!elf->code_cnt) {
		err = read_code(elf);
		if (err) {
			release_code(elf);
			return err;
		}
	}
	*code = elf->code;
	*cnt = elf->code_cnt;
	return 0;
}

static int compare_addresses(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

/*
 * .eh_frame_hdr: version, three encodings, a pointer, a count, and a sorted table of pairs
 * (function, its unwind entry). Linkers write all of these as 32-bit values relative to the
 * header's own address; a table in any other form is ignored. Source: Linux Standard Base Core,
 * "Exception Frames".
 */
static int read_function_starts(struct elf_file *elf)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	uint32_t cnt;
	int err;

	if (elf->unwind_size < 12 || elf->unwind_size > UNWIND_TABLE_BYTES_MAX)
		return 0;
	err = file_bytes__read(elf->fd, elf->unwind_offset, elf->unwind_size, &bytes);
	if (err)
		return err;
	if (bytes[0] != 1 || bytes[2] != POINTER_UDATA4 ||
	    bytes[3] != (POINTER_RELATIVE_TO_HEADER | POINTER_SDATA4))
		return 0;
	memcpy(&cnt, bytes + 8, sizeof(cnt));
	if (cnt > (elf->unwind_size - 12) / 8)
		return 0;
	elf->function_starts = calloc(cnt + 1, sizeof(*elf->function_starts));
	if (!elf->function_starts)
		return -ENOMEM;
	for (uint32_t i = 0; i < cnt; i++) {
		int32_t relative;

		memcpy(&relative, bytes + 12 + 8UL * i, sizeof(relative));
		elf->function_starts[i] = elf->unwind_address + (uint64_t)(int64_t)relative;
	}
	qsort(elf->function_starts, cnt, sizeof(*elf->function_starts), compare_addresses);
	elf->function_cnt = cnt;
	return 0;
}

int elf_file__function_starts(struct elf_file *elf, const uint64_t **starts, size_t *cnt)
{
	int err = elf->functions_read ? 0 : read_function_starts(elf);

	if (err)
		return err;
	elf->functions_read = true;
	*starts = elf->function_starts;
	*cnt = elf->function_cnt;
	return 0;
}

int elf_file__find_symbol(struct elf_file *elf, const char *name, struct elf_symbol *symbol)
{
	uint64_t room = UINT64_MAX;

	return elf_file__find_symbol_within(elf, name, &room, symbol);
}

int elf_file__find_symbol_within(struct elf_file *elf, const char *name, uint64_t *room,
				 struct elf_symbol *symbol)
{
	_cleanup_free_ Elf64_Shdr *sections = NULL;
	size_t cnt;
	int err;

	if (!elf->is_64bit)
		return -ENOENT;
	if (!checked_sub(*room, elf->section_cnt * sizeof(*sections), room))
		return -ENOBUFS;
	err = read_sections(elf, &sections, &cnt);
	if (!err)
		err = elf_symbols__find(elf->fd, sections, cnt, name, room, symbol);
	/* A file that ends before its tables do, or has too many sections, has no such symbol. */
	return err == -ENOEXEC || err == -EFBIG ? -ENOENT : err;
}
