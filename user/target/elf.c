// SPDX-License-Identifier: BSD-2-Clause
#include "target/elf.h"

#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/array.h"
#include "util/cleanup.h"

/* A libpython has a few megabytes of code; this bounds what a strange file can make us read. */
#define CODE_BYTES_MAX (512UL << 20)

/* Pointer encodings of .eh_frame_hdr. */
enum {
	POINTER_UDATA4 = 0x03,
	POINTER_SDATA4 = 0x0b,
	POINTER_RELATIVE_TO_HEADER = 0x30,
};

struct elf_file {
	int fd;
	Elf *elf;
	struct elf_segment *segments;
	size_t segment_cnt, segment_capacity;
	struct elf_code *code;
	size_t code_cnt, code_capacity;
	uint64_t *function_starts;
	size_t function_cnt;
	bool functions_read;
	uint16_t machine;
	char build_id[2 * 64 + 1];
};

static int read_segments(struct elf_file *elf)
{
	size_t cnt;

	if (elf_getphdrnum(elf->elf, &cnt))
		return -ENOEXEC;
	for (size_t i = 0; i < cnt; i++) {
		GElf_Phdr header;
		int err;

		if (!gelf_getphdr(elf->elf, (int)i, &header))
			return -ENOEXEC;
		if (header.p_type != PT_LOAD)
			continue;
		err = ARRAY_RESERVE(elf->segments, elf->segment_capacity, elf->segment_cnt + 1);
		if (err)
			return err;
		elf->segments[elf->segment_cnt++] = (struct elf_segment){
			.address = header.p_vaddr,
			.memory_size = header.p_memsz,
			.offset = header.p_offset,
			.file_size = header.p_filesz,
			.writable = header.p_flags & PF_W,
			.executable = header.p_flags & PF_X,
		};
	}
	return elf->segment_cnt ? 0 : -ENOEXEC;
}

static void format_build_id(struct elf_file *elf, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size && 2 * i + 2 < sizeof(elf->build_id); i++)
		snprintf(elf->build_id + 2 * i, 3, "%02x", bytes[i]);
}

static void read_build_id(struct elf_file *elf)
{
	size_t header_cnt;

	if (elf_getphdrnum(elf->elf, &header_cnt))
		return;
	for (size_t i = 0; i < header_cnt; i++) {
		size_t at = 0, name_at, description_at;
		GElf_Phdr header;
		GElf_Nhdr note;
		Elf_Data *data;

		if (!gelf_getphdr(elf->elf, (int)i, &header) || header.p_type != PT_NOTE)
			continue;
		data = elf_getdata_rawchunk(elf->elf, (int64_t)header.p_offset, header.p_filesz,
					    header.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
		if (!data)
			continue;
		while ((at = gelf_getnote(data, at, &note, &name_at, &description_at))) {
			if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != sizeof("GNU") ||
			    memcmp((char *)data->d_buf + name_at, "GNU", sizeof("GNU")) != 0)
				continue;
			format_build_id(elf, (uint8_t *)data->d_buf + description_at,
					note.n_descsz);
			return;
		}
	}
}

int elf_file__open(struct elf_file **out, int fd)
{
	_cleanup_(elf_file__freep) struct elf_file *elf = NULL;
	GElf_Ehdr header;
	int err;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return -EIO;
	elf = calloc(1, sizeof(*elf));
	if (!elf)
		return -ENOMEM;
	elf->fd = fd;
	elf->elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf->elf || elf_kind(elf->elf) != ELF_K_ELF || !gelf_getehdr(elf->elf, &header))
		return -ENOEXEC;
	elf->machine = header.e_machine;
	err = read_segments(elf);
	if (err)
		return err;
	read_build_id(elf);
	*out = TAKE_PTR(elf);
	return 0;
}

static void release_contents(struct elf_file *elf)
{
	for (size_t i = 0; i < elf->code_cnt; i++)
		free((void *)elf->code[i].bytes);
	free(TAKE_PTR(elf->code));
	elf->code_cnt = elf->code_capacity = 0;
	free(TAKE_PTR(elf->function_starts));
	elf->function_cnt = 0;
	elf->functions_read = false;
	elf_end(TAKE_PTR(elf->elf)); /* takes NULL */
}

void elf_file__free(struct elf_file *elf)
{
	if (!elf)
		return;
	release_contents(elf);
	free(elf->segments);
	free(elf);
}

/* A file that cannot be opened again is one without anything in it: libelf takes NULL for that. */
void elf_file__forget(struct elf_file *elf)
{
	release_contents(elf);
	elf->elf = elf_begin(elf->fd, ELF_C_READ, NULL);
}

void elf_file__freep(struct elf_file **elf)
{
	elf_file__free(*elf);
}

bool elf_file__is_64bit(const struct elf_file *elf)
{
	return gelf_getclass(elf->elf) == ELFCLASS64;
}

enum elf_machine elf_file__machine(const struct elf_file *elf)
{
	switch (elf->machine) {
	case EM_X86_64:
		return ELF_MACHINE_X86_64;
	case EM_AARCH64:
		return ELF_MACHINE_ARM64;
	default:
		return ELF_MACHINE_OTHER;
	}
}

const char *elf_file__build_id(const struct elf_file *elf)
{
	return elf->build_id;
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

static int read_bytes(int fd, uint64_t offset, size_t size, uint8_t **out)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	size_t done = 0;

	bytes = malloc(size ? size : 1);
	if (!bytes)
		return -ENOMEM;
	while (done < size) {
		ssize_t got = pread(fd, bytes + done, size - done, (off_t)(offset + done));

		if (got < 0)
			return -errno;
		if (got == 0)
			return -ENOEXEC; /* shorter than its headers say */
		done += (size_t)got;
	}
	*out = TAKE_PTR(bytes);
	return 0;
}

static int add_code(struct elf_file *elf, uint64_t address, uint64_t offset, uint64_t size)
{
	uint8_t *bytes;
	int err;

	if (size > CODE_BYTES_MAX)
		return -EFBIG;
	err = ARRAY_RESERVE(elf->code, elf->code_capacity, elf->code_cnt + 1);
	if (err)
		return err;
	err = read_bytes(elf->fd, offset, size, &bytes);
	if (err)
		return err;
	elf->code[elf->code_cnt++] = (struct elf_code){.address = address,
						       .offset = offset,
						       .bytes = bytes,
						       .size = size};
	return 0;
}

/* Sections leave out what lies between them in the segment; without sections, segments must do. */
static int read_code(struct elf_file *elf)
{
	Elf_Scn *section = NULL;
	int err;

	while ((section = elf_nextscn(elf->elf, section))) {
		GElf_Shdr header;

		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_PROGBITS ||
		    !(header.sh_flags & SHF_EXECINSTR))
			continue;
		err = add_code(elf, header.sh_addr, header.sh_offset, header.sh_size);
		if (err)
			return err;
	}
	if (elf->code_cnt)
		return 0;
	for (size_t i = 0; i < elf->segment_cnt; i++) {
		const struct elf_segment *segment = &elf->segments[i];

		if (!segment->executable)
			continue;
		err = add_code(elf, segment->address, segment->offset, segment->file_size);
		if (err)
			return err;
	}
	return 0;
}

int elf_file__code(struct elf_file *elf, const struct elf_code **code, size_t *cnt)
{
	int err;

	if (!elf->code_cnt) {
		err = read_code(elf);
		if (err)
			return err;
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
 * .eh_frame_hdr: version, three encodings, a pointer, a count, and a sorted table of pairs (function,
 * its unwind entry). Linkers write all of it as 32-bit values relative to the header's own address;
 * a table of another form is left alone. Source: Linux Standard Base Core, "Exception Frames".
 */
static int read_function_starts(struct elf_file *elf, const GElf_Phdr *header)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	uint32_t cnt;
	int err;

	if (header->p_filesz < 12 || header->p_filesz > CODE_BYTES_MAX)
		return 0;
	err = read_bytes(elf->fd, header->p_offset, header->p_filesz, &bytes);
	if (err)
		return err;
	if (bytes[0] != 1 || bytes[2] != POINTER_UDATA4 ||
	    bytes[3] != (POINTER_RELATIVE_TO_HEADER | POINTER_SDATA4))
		return 0;
	memcpy(&cnt, bytes + 8, sizeof(cnt));
	if (cnt > (header->p_filesz - 12) / 8)
		return 0;
	elf->function_starts = calloc(cnt + 1, sizeof(*elf->function_starts));
	if (!elf->function_starts)
		return -ENOMEM;
	for (uint32_t i = 0; i < cnt; i++) {
		int32_t relative;

		memcpy(&relative, bytes + 12 + 8UL * i, sizeof(relative));
		elf->function_starts[i] = header->p_vaddr + (uint64_t)(int64_t)relative;
	}
	qsort(elf->function_starts, cnt, sizeof(*elf->function_starts), compare_addresses);
	elf->function_cnt = cnt;
	return 0;
}

int elf_file__function_starts(struct elf_file *elf, const uint64_t **starts, size_t *cnt)
{
	size_t header_cnt = 0;

	if (!elf->functions_read && !elf_getphdrnum(elf->elf, &header_cnt)) {
		for (size_t i = 0; i < header_cnt; i++) {
			GElf_Phdr header;
			int err;

			if (!gelf_getphdr(elf->elf, (int)i, &header) ||
			    header.p_type != PT_GNU_EH_FRAME)
				continue;
			err = read_function_starts(elf, &header);
			if (err)
				return err;
			break;
		}
	}
	elf->functions_read = true;
	*starts = elf->function_starts;
	*cnt = elf->function_cnt;
	return 0;
}

static int visit_symbol_table(struct elf_file *elf, Elf_Scn *section, const GElf_Shdr *header,
			      int (*visit)(const struct elf_symbol *symbol, void *context),
			      void *context)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t cnt = data && header->sh_entsize ? header->sh_size / header->sh_entsize : 0;

	for (size_t i = 0; i < cnt; i++) {
		struct elf_symbol symbol;
		GElf_Sym entry;
		int stop;

		if (!gelf_getsym(data, (int)i, &entry))
			break;
		if (entry.st_shndx == SHN_UNDEF || !entry.st_value)
			continue;
		symbol = (struct elf_symbol){
			.address = entry.st_value,
			.size = entry.st_size,
			.function = GELF_ST_TYPE(entry.st_info) == STT_FUNC,
			.name = elf_strptr(elf->elf, header->sh_link, entry.st_name),
		};
		if (!symbol.name)
			continue;
		stop = visit(&symbol, context);
		if (stop)
			return stop;
	}
	return 0;
}

int elf_file__visit_symbols(struct elf_file *elf,
			    int (*visit)(const struct elf_symbol *symbol, void *context),
			    void *context)
{
	Elf_Scn *section = NULL;

	while ((section = elf_nextscn(elf->elf, section))) {
		GElf_Shdr header;
		int stop;

		if (!gelf_getshdr(section, &header) ||
		    (header.sh_type != SHT_SYMTAB && header.sh_type != SHT_DYNSYM))
			continue;
		stop = visit_symbol_table(elf, section, &header, visit, context);
		if (stop)
			return stop;
	}
	return 0;
}

struct symbol_search {
	const char *name;
	struct elf_symbol *found;
};

static int match_symbol(const struct elf_symbol *symbol, void *context)
{
	struct symbol_search *search = context;

	if (strcmp(symbol->name, search->name) != 0)
		return 0;
	*search->found = *symbol;
	return 1;
}

int elf_file__find_symbol(struct elf_file *elf, const char *name, struct elf_symbol *symbol)
{
	struct symbol_search search = {.name = name, .found = symbol};

	return elf_file__visit_symbols(elf, match_symbol, &search) ? 0 : -ENOENT;
}
