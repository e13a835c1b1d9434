// SPDX-License-Identifier: BSD-2-Clause
#include "util/file_digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/cpu_allowance.h"

#define PIECE_BYTES (256UL << 10)
#define HASH_BYTES  32

static void free_context(EVP_MD_CTX **context)
{
	EVP_MD_CTX_free(*context);
}

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
	while (size) {
		ssize_t written = write(fd, bytes, size);

		if (written < 0)
			return -errno;
		bytes += written;
		size -= (size_t)written;
	}
	return 0;
}

static int hash_file(EVP_MD_CTX *context, int fd, uint64_t bytes_max, int copy_fd)
{
	_cleanup_free_ uint8_t *piece = malloc(PIECE_BYTES);
	uint64_t done = 0;

	if (!piece)
		return -ENOMEM;
	for (;;) {
		int err = cpu_allowance__check();
		ssize_t got;

		if (err)
			return err;
		got = pread(fd, piece, PIECE_BYTES, (off_t)done);
		if (got <= 0)
			return got ? -errno : 0;
		done += (uint64_t)got;
		if (done > bytes_max)
			return -EFBIG; /* the file has grown */
		if (!EVP_DigestUpdate(context, piece, (size_t)got))
			return -EIO;
		err = copy_fd < 0 ? 0 : write_all(copy_fd, piece, (size_t)got);
		if (err)
			return err;
	}
}

int file_digest__compute(struct file_digest *out, int fd, uint64_t bytes_max, int copy_fd)
{
	_cleanup_(free_context) EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned int size;
	struct stat status;
	int err;

	if (!context || !EVP_DigestInit_ex(context, EVP_sha256(), NULL))
		return -ENOMEM;
	if (fstat(fd, &status))
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	if ((uint64_t)status.st_size > bytes_max)
		return -EFBIG;
	err = hash_file(context, fd, bytes_max, copy_fd);
	if (err)
		return err;
	if (!EVP_DigestFinal_ex(context, hash, &size) || size != HASH_BYTES)
		return -EIO;
	for (size_t i = 0; i < HASH_BYTES; i++)
		snprintf(out->text + 2 * i, 3, "%02x", hash[i]);
	return 0;
}
