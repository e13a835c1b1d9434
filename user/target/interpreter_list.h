/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the list of a Python's interpreters, PyInterpreterState. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "target/memory.h"

/* A longer list is malformed. */
#define INTERPRETERS_MAX 4096

/*
 * Follows the list of interpreters from the pointer at @head (0: an empty list) through the pointer
 * at @next_offset in each. The list ends early at an interpreter that is freed meanwhile, and at
 * one that was in it before: *out contains each once. The caller frees *out with account__free().
 * Returns 0, -ELOOP for more than INTERPRETERS_MAX, or negative errno.
 */
int interpreter_list__read(uint64_t head, uint64_t next_offset, const struct memory *memory,
			   uint64_t **out, size_t *cnt);
