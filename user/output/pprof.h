/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A profile in pprof's format: a protocol buffer (pprof.proto) compressed with gzip. `go tool
 * pprof` and most profile viewers read it.
 */
#pragma once

#include <stdio.h>

#include "analysis/profile.h"

/*
 * Writes the profile with all its values; viewers show live_bytes by default. Python and native
 * functions belong to the mappings "python" and "native", marks of the profile to none. The period
 * is the sampling interval, in allocated bytes. The comments name pyfrag, the process and its
 * Python.
 *
 * Equal calls of profile__add() in the same order give equal files. Returns 0, -ENOMEM, or negative
 * errno if writing to @out failed.
 */
int pprof__write(const struct profile *profile, FILE *out);
