/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "analysis/census_kinds.h"

/* Writes the table of the heap's contents. */
void text_census__write(const struct census_report *report, FILE *out);

/* Writes in brackets what the block at @address contains. */
void text_census__write_block(const struct census_report *report, uint64_t address, FILE *out);

/* Writes a kind, made printable. */
void text_census__write_kind(const struct census *census, uint32_t kind, FILE *out);

/*
 * Writes the path that keeps an object alive; if @path is NULL, why there is none: the object is on
 * a free list, or was not reached.
 */
void text_census__write_path(const char *path, bool is_free_listed, FILE *out);

/* The same in a sentence about the object: "kept alive by PATH", if there is a path. */
void text_census__write_keeper(const char *path, bool is_free_listed, FILE *out);
