/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdio.h>

#include "analysis/advice.h"
#include "analysis/arena_report.h"
#include "analysis/census_kinds.h"
#include "analysis/pin_holders.h"

/*
 * Writes what a pinning block, number @index in the list, contains, and the path to it; starts a
 * new line.
 */
void text_holders__write_block(const struct census *census, const struct pin_holders *holders,
			       size_t index, const struct pinned_block *block, FILE *out);

/* Writes advice on what to change, one line each. */
void text_holders__write_advices(const struct advices *advices, FILE *out);

/* Writes everything about one arena. */
void text_holders__write_arena(const struct census_report *report, const struct arena_report *arena,
			       FILE *out);

/*
 * Writes how much the pinning blocks hold back, by their kind and by the path that keeps them
 * alive.
 */
void text_holders__write(const struct census_report *report, const struct pin_holders *holders,
			 FILE *out);
