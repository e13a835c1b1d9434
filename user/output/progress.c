// SPDX-License-Identifier: BSD-2-Clause
#include "output/progress.h"

#include "util/log.h"
#include "util/units.h"

/* Smaller heaps are read too quickly for progress to be useful. */
#define PROGRESS_BYTES_MIN (256UL << 20)

int progress__show_reading(uint64_t done_bytes, uint64_t total_bytes, void *context)
{
	(void)context;
	if (total_bytes >= PROGRESS_BYTES_MIN)
		log_progress("reading the heap: %s of %s", units__bytes(done_bytes).text,
			     units__bytes(total_bytes).text);
	return 0;
}
