// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: a file that is read from the cache of scans satisfies what pyfrag guarantees when it
 * writes one: each site is possible, in code, in order. Writing it again gives the same bytes.
 *
 * Input: the text.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "probes/site_entry.h"
#include "tiny_elf.h"

static struct elf_file *open_elf(void)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct elf_file *elf = NULL;
	struct tiny_elf tiny;

	tiny_elf__init(&tiny);
	CHECK(fd >= 0 && write(fd, &tiny, sizeof(tiny)) == sizeof(tiny));
	CHECK(!elf_file__open(&elf, fd));
	return elf;
}

static void check_site(const struct site *site)
{
	CHECK(site->address >= TINY_CODE_ADDRESS &&
	      site->address < TINY_CODE_ADDRESS + TINY_CODE_BYTES);
	CHECK(site->offset == site->address - TINY_CODE_ADDRESS);
	CHECK(site->probe.type >= EVENT_ALLOC && site->probe.type <= EVENT_FREELIST_CLEAR);
	CHECK((site->probe.operand == PYFRAG_NO_REGISTER) ==
	      (site->probe.type == EVENT_FREELIST_CLEAR));
}

static void check_written(const struct site_set *set, const uint8_t *data, size_t size)
{
	char *text = NULL;
	size_t written = 0;
	FILE *file = open_memstream(&text, &written);

	CHECK(file && !site_entry__write(set, file) && !fclose(file));
	CHECK(written == size && !memcmp(text, data, size));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct elf_file *elf;
	struct site_set set = {};
	FILE *file = size ? fmemopen((void *)data, size, "r") : NULL;

	if (!elf)
		elf = open_elf();
	if (!file)
		return 0;
	if (!site_entry__read(&set, file, elf)) {
		for (size_t i = 0; i < set.cnt; i++) {
			check_site(&set.items[i]);
			CHECK(!i || set.items[i - 1].address <= set.items[i].address);
		}
		check_written(&set, data, size);
	}
	fclose(file);
	site_set__free(&set);
	return 0;
}
