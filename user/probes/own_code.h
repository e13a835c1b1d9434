/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the file offset of a function in our own executable, which a uprobe on it needs. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

bool own_code__find_offset(const void *function, uint64_t *offset);
