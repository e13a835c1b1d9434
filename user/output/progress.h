/* SPDX-License-Identifier: BSD-2-Clause */
/* Progress of lengthy work, shown on stderr if that is a terminal. */
#pragma once

#include <stdint.h>

/*
 * Shows the progress of a checkpoint, for struct checkpoint_options; silent for small heaps.
 * Returns 0.
 */
int progress__show_reading(uint64_t done_bytes, uint64_t total_bytes, void *context);
