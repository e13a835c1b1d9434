/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The smallest possible architecture: instructions of 4 bytes, none of which is known. The headers
 * that BPF programs need for it are in stub_arch/, with which `make check-unit` compiles them.
 */
#pragma once

#include "probes/arch/arch.h"

extern const struct arch stub_arch;
