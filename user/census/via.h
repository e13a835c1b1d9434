/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The name of what an object is referred to by: ".name", "['key']", "[3]", "key", "element".
 */
#pragma once

#include <stdbool.h>

#include "census/graph.h"

/*
 * @no_values: a key is "[...]" then. The caller frees *out. Returns 0, -ENOMEM or as
 * memory__read().
 */
int via__name(char **out, const struct graph *graph, const struct via *via, bool no_values);
