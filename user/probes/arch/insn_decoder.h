/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decodes code of one architecture, an instruction at a time. Any bytes will do: what is no
 * instruction comes out as INSN_UNDECODED, and decoding goes on behind it.
 */
#pragma once

#include "probes/arch/arch.h"

struct insn_decoder;

/* Returns 0, -ENOTSUP or -ENOMEM. The caller frees. */
int insn_decoder__new(struct insn_decoder **out, const struct arch *arch);
void insn_decoder__free(struct insn_decoder *decoder);
void insn_decoder__freep(struct insn_decoder **decoder);

/*
 * Decodes the instruction at @bytes, which lies at @address; at most @size bytes, and at least 1.
 * Fills @steps, which has room for INSN_STEPS_MAX, and returns how many there are, at least 1. The
 * next instruction is @steps->size bytes further on, which is from 1 to @size.
 */
size_t insn_decoder__decode(struct insn_decoder *decoder, const uint8_t *bytes, size_t size,
			    uint64_t address, struct insn *steps);
