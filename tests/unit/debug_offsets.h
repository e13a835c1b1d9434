/* SPDX-License-Identifier: BSD-2-Clause */
/* _Py_DebugOffsets of three builds: Debian's 3.13.5-2+deb13u5, 3.14.10-1 and 3.15.2-1. */
#pragma once

#include <stdint.h>

#define DEBUG_OFFSETS_313_WORDS 73
#define DEBUG_OFFSETS_314_WORDS 95
#define DEBUG_OFFSETS_315_WORDS 111

extern const uint64_t debug_offsets_313[DEBUG_OFFSETS_313_WORDS];
extern const uint64_t debug_offsets_314[DEBUG_OFFSETS_314_WORDS];
extern const uint64_t debug_offsets_315[DEBUG_OFFSETS_315_WORDS];
