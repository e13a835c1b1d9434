/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A text that several hold, and that never changes: whoever releases it last frees it. For one
 * thread.
 */
#pragma once

#include <stddef.h>

struct shared_text {
	size_t holder_cnt;
	size_t size;
	char bytes[]; /* and a NUL, which @size leaves out */
};

/* A copy of @size bytes, with one holder; NULL without memory. */
struct shared_text *shared_text__new(const void *bytes, size_t size);

/* One holder more. Returns @text. */
struct shared_text *shared_text__hold(struct shared_text *text);
void shared_text__release(struct shared_text *text);

/* Of one that is known by its bytes. */
void shared_text__release_bytes(void *bytes);
