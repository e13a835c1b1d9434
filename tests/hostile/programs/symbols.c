// SPDX-License-Identifier: BSD-2-Clause
/*
 * An ELF file in memory with a symbol table of MEBIBYTES MiB, and names inside. Looking up a symbol
 * in it takes long, and has to be repeated each time, because the file claims that it has just been
 * modified. PROCESSES processes share it.
 *
 * symbols MEBIBYTES PROCESSES
 */
#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "ready.h"

#define PAGE	 4096
#define NAME	 "PyObject_Malloc"
#define NAMES	 64
#define TABLES	 4
#define TABLE_AT (PAGE / 2)

static void fill(uint8_t *file, uint64_t size)
{
	const Elf64_Ehdr header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
					       ELFDATA2LSB, EV_CURRENT},
				   .e_type = ET_DYN,
				   .e_machine = EM_X86_64,
				   .e_version = EV_CURRENT,
				   .e_phoff = sizeof(Elf64_Ehdr),
				   .e_shoff = TABLE_AT,
				   .e_ehsize = sizeof(Elf64_Ehdr),
				   .e_phentsize = sizeof(Elf64_Phdr),
				   .e_phnum = 1,
				   .e_shentsize = sizeof(Elf64_Shdr),
				   .e_shnum = TABLES};
	const Elf64_Phdr load = {.p_type = PT_LOAD,
				 .p_flags = PF_R | PF_X,
				 .p_filesz = PAGE,
				 .p_memsz = PAGE,
				 .p_align = PAGE};
	/* All of them have the same offset. */
	const Elf64_Shdr strings = {.sh_type = SHT_STRTAB, .sh_offset = PAGE, .sh_size = size},
			 symbols = {.sh_type = SHT_DYNSYM,
				    .sh_offset = PAGE,
				    .sh_size = size,
				    .sh_link = 1,
				    .sh_entsize = sizeof(Elf64_Sym)};
	const Elf64_Sym symbol = {.st_name = UINT32_MAX, .st_shndx = 1, .st_value = 1};
	Elf64_Shdr sections[TABLES] = {{}, strings, symbols, symbols};

	sections[3].sh_type = SHT_SYMTAB;
	memcpy(file, &header, sizeof(header));
	memcpy(file + sizeof(header), &load, sizeof(load));
	memcpy(file + TABLE_AT, sections, sizeof(sections));
	for (uint64_t at = 0; at + sizeof(symbol) <= size; at += sizeof(symbol))
		memcpy(file + PAGE + at, &symbol, sizeof(symbol));
	for (int i = 1; i <= NAMES; i++)
		memcpy(file + PAGE + size - i * sizeof(NAME), NAME, sizeof(NAME));
}

int main(int argc, char **argv)
{
	uint64_t size = argc == 3 ? strtoull(argv[1], NULL, 10) << 20 : 0;
	int processes = argc == 3 ? atoi(argv[2]) : 0;
	int fd = memfd_create("libpython3.11.so.1.0", 0), alive[2];
	uint8_t *file;
	char end;

	if (!size || fd < 0 || ftruncate(fd, (off_t)size + PAGE) || pipe(alive))
		give_up("memfd");
	file = mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (file == MAP_FAILED)
		give_up("mmap");
	fill(file, size);
	munmap(file, size + PAGE);
	if (mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED)
		give_up("mmap");
	/* These end with the first one. */
	for (int i = 1; i < processes; i++)
		if (!fork()) {
			close(alive[1]);
			return read(alive[0], &end, 1) < 0;
		}
	say_ready();
	for (;;) {
		futimens(fd, NULL);
		usleep(500000);
	}
}
