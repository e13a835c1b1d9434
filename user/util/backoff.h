/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exponential backoff: the delay before the next try doubles after each consecutive failure, up to
 * a maximum.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Initialize with zeros. */
struct backoff {
	uint32_t failed_cnt; /* consecutive failures */
	uint64_t until_ns;
};

/* All times must come from the same monotonic clock. */
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
