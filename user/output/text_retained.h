/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes the tree of what holds memory, for people. */
#pragma once

#include <stdio.h>

#include "census/retained_tree.h"

/* @other_bytes: what else malloc has in use, that belongs to no known object; 0: not known. */
void text_retained__write(const struct census *census, const struct retained_tree *tree,
			  uint64_t other_bytes, FILE *out);
