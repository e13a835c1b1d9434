/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes the tree of what holds memory, as JSON. */
#pragma once

#include "census/retained_tree.h"
#include "output/json_stream.h"

void json_retained__write(struct json_stream *stream, const struct census *census,
			  const struct retained_tree *tree);
