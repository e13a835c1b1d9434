/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "analysis/census_kinds.h"

/* The table of what is in the heap, for a person. */
void text_census__write(const struct census_report *report, FILE *out);

/* What the block at @address is, in brackets. */
void text_census__write_block(const struct census_report *report, uint64_t address, FILE *out);

/* A kind, made printable. */
void text_census__write_kind(const struct census *census, uint32_t kind, FILE *out);

/*
 * The way to what somebody wants to know of; NULL: there is none, as it is on a free list or for
 * another reason.
 */
void text_census__write_path(const char *path, bool is_free_listed, FILE *out);
