/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A profile as pprof has it: a protocol buffer (pprof.proto), compressed by gzip. `go tool pprof`
 * and most profile viewers read it.
 */
#pragma once

#include <stdio.h>

#include "analysis/profile.h"

/*
 * Writes the profile with all its values; live_bytes is what viewers show first. Python and native
 * functions belong to the mappings "python" and "native", marks of the profile to none. The period
 * is the sampling distance, in bytes allocated. The comments name pyfrag, the process and its
 * Python.
 *
 * Equal calls of profile__add(), in the same order, give equal files. Returns 0, -ENOMEM, or
 * negative errno if @out did not take all of it.
 */
int pprof__write(const struct profile *profile, FILE *out);
