/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The least that an architecture may be: instructions of 4 bytes, none of which is known.
 */
#pragma once

#include "probes/arch/arch.h"

extern const struct arch stub_arch;
