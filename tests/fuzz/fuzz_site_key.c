// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: the result of a scan depends only on the data that the file's key in the cache covers.
 * Two files with equal keys give equal scans; two files with different scans have different keys. A
 * file gives the same scan whatever was scanned in between, and so does the copy that is made while
 * it is hashed.
 *
 * Input: a byte for the number of edits; the edits of three bytes, a place and the other file's
 * byte there; then a file.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "probes/sites.h"
#include "target/elf.h"
#include "util/file_digest.h"

#define EDITS_MAX 16

struct seen {
	struct file_digest digest;
	struct site_set sites;
	int err;
};

static void scan(struct seen *seen, int fd, int copy_fd)
{
	struct elf_file *elf = NULL;

	*seen = (struct seen){};
	CHECK(!file_digest__compute(&seen->digest, fd, 1 << 20, copy_fd));
	seen->err = elf_file__open(&elf, fd);
	if (!seen->err)
		seen->err = site_set__scan(&seen->sites, elf);
	elf_file__free(elf);
}

static int rewrite(int fd, const uint8_t *bytes, size_t size)
{
	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	CHECK(fd >= 0 && !ftruncate(fd, 0) && !lseek(fd, 0, SEEK_SET));
	CHECK(pwrite(fd, bytes, size, 0) == (ssize_t)size);
	return fd;
}

static int is_same_site(const struct site *a, const struct site *b)
{
	return a->address == b->address && a->offset == b->offset && a->emulated == b->emulated &&
	       !memcmp(&a->probe, &b->probe, sizeof(a->probe));
}

static int scans_alike(const struct seen *a, const struct seen *b)
{
	if (a->err != b->err || a->sites.cnt != b->sites.cnt)
		return 0;
	for (size_t i = 0; i < a->sites.cnt; i++)
		if (!is_same_site(&a->sites.items[i], &b->sites.items[i]))
			return 0;
	return 1;
}

static int has_one_key(const struct seen *a, const struct seen *b)
{
	return !strcmp(a->digest.text, b->digest.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1, copy_fd = -1;
	struct fuzz_input input = {data, size};
	struct seen first, other, again, copy;
	size_t edit_cnt = fuzz_input__byte(&input) % EDITS_MAX;
	uint8_t edits[EDITS_MAX][3];
	uint8_t *bytes;

	fuzz_input__take(&input, edits, edit_cnt * sizeof(edits[0]));
	bytes = malloc(input.size + 1);
	CHECK(bytes);
	memcpy(bytes, input.bytes, input.size);
	fd = rewrite(fd, bytes, input.size);
	copy_fd = rewrite(copy_fd, NULL, 0);
	scan(&first, fd, copy_fd);
	scan(&copy, copy_fd, -1);
	for (size_t i = 0; i < edit_cnt && input.size; i++)
		bytes[(edits[i][0] | edits[i][1] << 8) % input.size] = edits[i][2];
	fd = rewrite(fd, bytes, input.size);
	scan(&other, fd, -1);
	fd = rewrite(fd, input.bytes, input.size);
	scan(&again, fd, -1);

	CHECK(has_one_key(&first, &copy) && has_one_key(&first, &again));
	CHECK(scans_alike(&first, &copy) && scans_alike(&first, &again));
	CHECK(scans_alike(&first, &other) || !has_one_key(&first, &other));
	site_set__free(&first.sites);
	site_set__free(&other.sites);
	site_set__free(&again.sites);
	site_set__free(&copy.sites);
	free(bytes);
	return 0;
}
