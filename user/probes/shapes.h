/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shapes of pymalloc's code, wherever a compiler has put copies of it. P is a pool, B a block,
 * A an arena_object, X the address of an arena; the offsets are those of pymalloc/layout.h.
 *
 *   alloc      B = [P+8]; N = [B]; [P+8] = N; 32 bits of [P] += 1; jump if N
 *   free       L = [P+8]; [B] = L; [P+8] = B; jump if L; 32 bits of [P] -= 1, before or after it
 *   new pool   [P+16] = ..; 32 bits of [P] = 1; jump if size == [P+36]
 *   pool freed  [P+16] = [A+24]; [A+24] = P
 *   arena map  [A+24] = 0; [A+8] = X; jump if X & (pool size - 1)
 *   arena unmap  call f(.., [A], arena size); [A] = 0
 *   arena map, where that is not visible (code without optimization)  call f(.., arena size)
 *
 * Source: pymalloc_alloc(), pymalloc_free(), allocate_from_new_pool(), new_arena() and
 * insert_to_freepool() in Objects/obmalloc.c, 2.7 to 3.15 (up to 3.8 all of it is in the bodies of
 * malloc and free).
 *
 * A shape is probed at the jump that ends it, because the kernel emulates jumps and does not have
 * to single-step them. An arena unmap is probed at the call, and the last shape after the call. If
 * there is no jump, or the operand is no longer in its register then, the first instruction after
 * the shape is probed.
 */
#pragma once

#include <stddef.h>

#include "probes/arch/arch.h"
#include "probes/shape_site.h"

struct shape_scan;

/* For code of @arch. Returns 0 or -ENOMEM. The caller frees *out. */
int shape_scan__new(struct shape_scan **out, const struct arch *arch);
void shape_scan__free(struct shape_scan *scan);

/*
 * Scans one function, or a part of one: @cnt steps, sorted by address. Calls @found for each site;
 * a non-zero return value ends the scan. Returns 0, that value, or -ENOMEM.
 */
int shape_scan__function(struct shape_scan *scan, const struct insn *insns, size_t cnt,
			 int (*found)(const struct shape_site *site, void *context), void *context);
