// SPDX-License-Identifier: BSD-2-Clause
#include "tiny_elf.h"

#include <assert.h>
#include <string.h>

static_assert(offsetof(struct tiny_elf, text) == TINY_TEXT_OFFSET, "the layout promised");
static_assert(offsetof(struct tiny_elf, cold) == TINY_COLD_OFFSET, "the layout promised");
static_assert(offsetof(struct tiny_elf, data) == TINY_DATA_OFFSET, "the layout promised");

#define UNWIND_ADDRESS (TINY_CODE_ADDRESS + offsetof(struct tiny_elf, unwind))

const uint64_t tiny_elf_functions[TINY_FUNCTION_CNT] = {
	TINY_CODE_ADDRESS + TINY_TEXT_OFFSET,
	TINY_CODE_ADDRESS + TINY_TEXT_OFFSET + 0x10,
	TINY_CODE_ADDRESS + TINY_COLD_OFFSET,
};

static void fill_header(struct tiny_elf *elf)
{
	elf->header = (Elf64_Ehdr){
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = tiny_elf_functions[0],
		.e_phoff = offsetof(struct tiny_elf, segments),
		.e_shoff = offsetof(struct tiny_elf, sections),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = TINY_SEGMENT_CNT,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = TINY_SECTION_CNT,
	};
}

static void fill_segments(struct tiny_elf *elf)
{
	elf->segments[TINY_SEGMENT_CODE] = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_vaddr = TINY_CODE_ADDRESS,
		.p_filesz = TINY_CODE_BYTES,
		.p_memsz = TINY_CODE_BYTES,
		.p_align = 0x1000,
	};
	elf->segments[TINY_SEGMENT_DATA] = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_W,
		.p_offset = TINY_DATA_OFFSET,
		.p_vaddr = TINY_DATA_ADDRESS,
		.p_filesz = TINY_DATA_BYTES,
		.p_memsz = TINY_DATA_MEMORY,
		.p_align = 0x1000,
	};
	elf->segments[TINY_SEGMENT_NOTE] = (Elf64_Phdr){
		.p_type = PT_NOTE,
		.p_flags = PF_R,
		.p_offset = offsetof(struct tiny_elf, note),
		.p_vaddr = TINY_CODE_ADDRESS + offsetof(struct tiny_elf, note),
		.p_filesz = offsetof(struct tiny_elf, note.end) - offsetof(struct tiny_elf, note),
		.p_align = 4,
	};
	elf->segments[TINY_SEGMENT_UNWIND] = (Elf64_Phdr){
		.p_type = PT_GNU_EH_FRAME,
		.p_flags = PF_R,
		.p_offset = offsetof(struct tiny_elf, unwind),
		.p_vaddr = UNWIND_ADDRESS,
		.p_filesz = sizeof(elf->unwind),
		.p_align = 4,
	};
}

static void fill_contents(struct tiny_elf *elf)
{
	static const uint8_t id[] = {0x00, 0x01, 0x02, 0x03, 0xfd, 0xfe, 0xff, 0x10};

	for (size_t i = 0; i < sizeof(elf->text); i++)
		elf->text[i] = (uint8_t)(0x40 + i);
	for (size_t i = 0; i < sizeof(elf->cold); i++)
		elf->cold[i] = (uint8_t)(0xc0 + i);
	elf->note.header = (Elf64_Nhdr){.n_namesz = 4, .n_descsz = 8, .n_type = NT_GNU_BUILD_ID};
	memcpy(elf->note.name, "GNU", 4);
	memcpy(elf->note.id, id, sizeof(id));
	elf->unwind.version = 1;
	elf->unwind.encodings[0] = 0x1b; /* DW_EH_PE_pcrel | DW_EH_PE_sdata4 */
	elf->unwind.encodings[1] = 0x03; /* DW_EH_PE_udata4 */
	elf->unwind.encodings[2] = 0x3b; /* DW_EH_PE_datarel | DW_EH_PE_sdata4 */
	elf->unwind.cnt = TINY_FUNCTION_CNT;
	/* Unsorted, because the reader must not rely on the linker's order. */
	for (size_t i = 0; i < TINY_FUNCTION_CNT; i++)
		elf->unwind.table[i].function =
			(int32_t)((int64_t)tiny_elf_functions[(i + 1) % TINY_FUNCTION_CNT] -
				  (int64_t)UNWIND_ADDRESS);
}

static void fill_symbols(struct tiny_elf *elf)
{
	memcpy(elf->strings, "\0main\0variable\0imported", 24);
	elf->symbols[TINY_SYMBOL_MAIN] = (Elf64_Sym){
		.st_name = 1,
		.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
		.st_shndx = TINY_SECTION_TEXT,
		.st_value = tiny_elf_functions[0],
		.st_size = 16,
	};
	elf->symbols[TINY_SYMBOL_VARIABLE] = (Elf64_Sym){
		.st_name = 6,
		.st_info = ELF64_ST_INFO(STB_LOCAL, STT_OBJECT),
		.st_shndx = SHN_ABS,
		.st_value = TINY_DATA_ADDRESS,
		.st_size = 8,
	};
	elf->symbols[TINY_SYMBOL_IMPORTED] = (Elf64_Sym){
		.st_name = 15,
		.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
		.st_shndx = SHN_UNDEF,
		.st_value = 0x1234, /* the address of a PLT entry, as some linkers leave it */
	};
}

static void fill_sections(struct tiny_elf *elf)
{
	elf->sections[TINY_SECTION_TEXT] = (Elf64_Shdr){
		.sh_type = SHT_PROGBITS,
		.sh_flags = SHF_ALLOC | SHF_EXECINSTR,
		.sh_addr = TINY_CODE_ADDRESS + TINY_TEXT_OFFSET,
		.sh_offset = TINY_TEXT_OFFSET,
		.sh_size = TINY_TEXT_BYTES,
	};
	elf->sections[TINY_SECTION_COLD] = (Elf64_Shdr){
		.sh_type = SHT_PROGBITS,
		.sh_flags = SHF_ALLOC | SHF_EXECINSTR,
		.sh_addr = TINY_CODE_ADDRESS + TINY_COLD_OFFSET,
		.sh_offset = TINY_COLD_OFFSET,
		.sh_size = TINY_COLD_BYTES,
	};
	elf->sections[TINY_SECTION_SYMBOLS] = (Elf64_Shdr){
		.sh_type = SHT_SYMTAB,
		.sh_offset = offsetof(struct tiny_elf, symbols),
		.sh_size = sizeof(elf->symbols),
		.sh_link = TINY_SECTION_STRINGS,
		.sh_entsize = sizeof(Elf64_Sym),
	};
	elf->sections[TINY_SECTION_STRINGS] = (Elf64_Shdr){
		.sh_type = SHT_STRTAB,
		.sh_offset = offsetof(struct tiny_elf, strings),
		.sh_size = sizeof(elf->strings),
	};
}

void tiny_elf__init(struct tiny_elf *elf)
{
	*elf = (struct tiny_elf){};
	fill_header(elf);
	fill_segments(elf);
	fill_contents(elf);
	fill_symbols(elf);
	fill_sections(elf);
}
