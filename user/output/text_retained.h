/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes the tree of what holds memory, for people. */
#pragma once

#include <stdio.h>

#include "census/retained_tree.h"

void text_retained__write(const struct census *census, const struct retained_tree *tree, FILE *out);
