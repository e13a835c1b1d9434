// SPDX-License-Identifier: BSD-2-Clause
/*
 * An ELF file in memory with a note segment of MEBIBYTES MiB that is one hole: it costs its owner
 * no memory, but a reader that reads it whole needs all of it.
 *
 * sparse MEBIBYTES
 */
#include <elf.h>
#include <sys/mman.h>

#include "ready.h"

#define PAGE 4096

struct image {
	Elf64_Ehdr header;
	Elf64_Phdr load, note;
};

int main(int argc, char **argv)
{
	uint64_t size = argc == 2 ? strtoull(argv[1], NULL, 10) << 20 : 0;
	struct image image = {
		.header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				       EV_CURRENT},
			   .e_type = ET_DYN,
			   .e_machine = EM_X86_64,
			   .e_version = EV_CURRENT,
			   .e_phoff = sizeof(Elf64_Ehdr),
			   .e_ehsize = sizeof(Elf64_Ehdr),
			   .e_phentsize = sizeof(Elf64_Phdr),
			   .e_phnum = 2},
		.load = {.p_type = PT_LOAD,
			 .p_flags = PF_R | PF_X,
			 .p_filesz = PAGE,
			 .p_memsz = PAGE,
			 .p_align = PAGE},
		.note = {.p_type = PT_NOTE,
			 .p_offset = PAGE,
			 .p_filesz = size,
			 .p_memsz = size,
			 .p_align = 4},
	};
	int fd = memfd_create("libpython3.11.so.1.0", 0);

	if (fd < 0 || ftruncate(fd, (off_t)size + 2L * PAGE) ||
	    write(fd, &image, sizeof(image)) != sizeof(image))
		give_up("memfd");
	if (mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED)
		give_up("mmap");
	say_ready();
	for (;;)
		pause();
}
