/* SPDX-License-Identifier: BSD-2-Clause */
/* An immutable text with a reference count, which frees it. Not thread-safe. */
#pragma once

#include <stddef.h>

struct shared_text {
	size_t holder_cnt;
	size_t size;
	char bytes[]; /* and a NUL, which @size does not count */
};

/* Copies @size bytes; the reference count is 1. Returns NULL if out of memory. */
struct shared_text *shared_text__new(const void *bytes, size_t size);

/* Adds a reference. Returns @text. */
struct shared_text *shared_text__hold(struct shared_text *text);
void shared_text__release(struct shared_text *text);

/* Releases the text whose bytes field is @bytes. */
void shared_text__release_bytes(void *bytes);
