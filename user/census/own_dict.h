/* SPDX-License-Identifier: BSD-2-Clause */
/* Dicts that hold the attributes of an object, apart from those of instances. */
#pragma once

#include <stdbool.h>

#include "census/graph.h"

/*
 * Whether the dict @to, to which the word of @from at @offset leads, has the attributes of @from,
 * which is then a module, a class, or of Python 2's old classes.
 */
bool own_dict__is(const struct graph *graph, uint32_t from, uint32_t to, uint64_t offset);
