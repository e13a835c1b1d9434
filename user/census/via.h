/* SPDX-License-Identifier: BSD-2-Clause */
/* Names how an object is referred to: ".name", "['key']", "[3]", "key", "element". */
#pragma once

#include <stdbool.h>

#include "census/graph.h"

/*
 * @no_values: write "[...]" instead of a key. The caller frees *out. Returns 0, -ENOMEM or as
 * memory__read().
 */
int via__name(char **out, const struct graph *graph, const struct via *via, bool no_values);
