/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a function of ours lies in our own file: what a uprobe on ourselves wants to know.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

bool own_code__find_offset(const void *function, uint64_t *offset);
