/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decodes code of one architecture, one instruction at a time. It accepts any bytes: those that are
 * no instruction become INSN_UNDECODED, and decoding continues after them.
 */
#pragma once

#include "probes/arch/arch.h"

struct insn_decoder;

/* Returns 0, -ENOTSUP or -ENOMEM. The caller frees *out. */
int insn_decoder__new(struct insn_decoder **out, const struct arch *arch);
void insn_decoder__free(struct insn_decoder *decoder);
void insn_decoder__freep(struct insn_decoder **decoder);

/*
 * Decodes the instruction at @bytes, which is at @address, from at most @size (>= 1) bytes. Fills
 * @steps, which has room for INSN_STEPS_MAX, and returns their number, at least 1. The next
 * instruction is @steps->size bytes further on (1 to @size).
 */
size_t insn_decoder__decode(struct insn_decoder *decoder, const uint8_t *bytes, size_t size,
			    uint64_t address, struct insn *steps);
