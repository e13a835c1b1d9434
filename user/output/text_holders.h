/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdio.h>

#include "analysis/advice.h"
#include "analysis/arena_report.h"
#include "analysis/census_kinds.h"
#include "analysis/pin_holders.h"

/*
 * Of a block listed as pinning, number @index of them: what it is, and the way to it; on a line of
 * its own.
 */
void text_holders__write_block(const struct census *census, const struct pin_holders *holders,
			       size_t index, const struct pinned_block *block, FILE *out);

/* What would help, a line each. */
void text_holders__write_advices(const struct advices *advices, FILE *out);

/* All about one arena. */
void text_holders__write_arena(const struct census_report *report, const struct arena_report *arena,
			       FILE *out);

/* Who holds back how much: what the blocks are, and by which ways they are kept alive. */
void text_holders__write(const struct census_report *report, const struct pin_holders *holders,
			 FILE *out);
