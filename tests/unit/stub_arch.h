/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The smallest architecture possible: instructions of 4 bytes, none of which is known. What BPF
 * programs need of it is in stub_arch/, where `make check-unit` compiles them with it.
 */
#pragma once

#include "probes/arch/arch.h"

extern const struct arch stub_arch;
