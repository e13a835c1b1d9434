/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When what has failed is tried again: after a while, and twice as long after each failure in a
 * row, up to a longest while.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Zero-initialized. */
struct backoff {
	uint32_t failed_cnt; /* in a row */
	uint64_t until_ns;
};

/* All times are of one clock that does not go back. */
static inline bool backoff__may_try(const struct backoff *backoff, uint64_t now_ns)
{
	return now_ns >= backoff->until_ns;
}

static inline void backoff__fail(struct backoff *backoff, uint64_t first_ns, uint64_t longest_ns,
				 uint64_t now_ns)
{
	uint64_t wait_ns = first_ns;

	for (uint32_t i = 0; i < backoff->failed_cnt && wait_ns < longest_ns; i++)
		wait_ns *= 2;
	backoff->failed_cnt++;
	backoff->until_ns = now_ns + (wait_ns < longest_ns ? wait_ns : longest_ns);
}

static inline void backoff__succeed(struct backoff *backoff)
{
	*backoff = (struct backoff){};
}
