// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: any file is either refused or can be queried completely. Its code lies in the file, the
 * function starts are sorted, symbol names are terminated, and each probe site that a scan finds
 * lies in the file where its offset says. Repeated queries give the same results.
 *
 * None of this takes more memory than a file of that many bytes may, however large its headers
 * claim it to be: a hole follows the bytes, which may be terabytes long.
 *
 * Input: a file; its last byte gives the length of the hole.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "probes/sites.h"
#include "target/elf.h"

/* Limited, because decoding code takes time. */
#define CODE_BYTES_MAX 65536

static size_t file_size;

static void check_segments(const struct elf_file *elf)
{
	const struct elf_segment *segments;
	size_t cnt = elf_file__segments(elf, &segments);

	CHECK(cnt > 0);
	for (size_t i = 0; i < cnt; i++) {
		uint64_t offset = elf_file__offset_of(elf, segments[i].address);

		CHECK(offset != UINT64_MAX || !segments[i].file_size ||
		      segments[i].offset == UINT64_MAX);
	}
}

static void check_code(struct elf_file *elf)
{
	const struct elf_code *code, *again;
	size_t cnt, cnt_again;

	if (elf_file__code(elf, &code, &cnt))
		return;
	CHECK(!elf_file__code(elf, &again, &cnt_again));
	CHECK(cnt == cnt_again);
	for (size_t i = 0; i < cnt; i++) {
		CHECK(code[i].size <= file_size);
		CHECK(!code[i].size || code[i].offset <= file_size - code[i].size);
	}
}

static void check_function_starts(struct elf_file *elf)
{
	const uint64_t *starts;
	size_t cnt;

	if (elf_file__function_starts(elf, &starts, &cnt))
		return;
	for (size_t i = 1; i < cnt; i++)
		CHECK(starts[i - 1] <= starts[i]);
}

static void check_sites(struct elf_file *elf)
{
	struct site_set set = {};
	int err = site_set__scan(&set, elf);

	if (err) {
		CHECK(!set.items && !set.cnt);
		return;
	}
	for (size_t i = 0; i < set.cnt; i++) {
		CHECK(set.items[i].offset == elf_file__offset_of(elf, set.items[i].address));
		CHECK(!i || set.items[i - 1].address <= set.items[i].address);
		CHECK(strcmp(site__type_name(set.items[i].probe.type), "?") != 0);
	}
	site_set__free(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct elf_file *elf = NULL;
	struct elf_symbol symbol;
	int err;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	CHECK(fd >= 0 && !ftruncate(fd, 0));
	CHECK(pwrite(fd, data, size, 0) == (ssize_t)size);
	/* Up to 16 TiB; short holes make no difference. */
	file_size = size + (size ? 1UL << data[size - 1] % 45 : 0);
	CHECK(!ftruncate(fd, (off_t)file_size));
	if (elf_file__open(&elf, fd)) {
		CHECK(!elf);
		return 0;
	}
	check_segments(elf);
	elf_file__limit_code(elf, CODE_BYTES_MAX);
	check_code(elf);
	check_function_starts(elf);
	err = elf_file__find_symbol(elf, "main", &symbol);
	CHECK(err == -ENOENT || (!err && symbol.address));
	check_sites(elf);
	elf_file__free(elf);
	return 0;
}
