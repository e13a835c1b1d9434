/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes the path to an object as a Python expression, which begins with the name of the root:
 * "app.cache.STORE['user:17'].tags[3]", "work() in thread 1: rows[0]". A step for which Python has
 * no expression is in angle brackets.
 */
#pragma once

#include <stdbool.h>

#include "census/retention.h"

struct path_text_options {
	bool no_values; /* leave out keys of dicts: "app.cache.STORE[...]" */
	/* Leave out keys, indexes and elements, so that many objects have the same path. */
	bool generic;
};

/*
 * Writes the text of @path, which has at least one step. The caller frees *out. Texts from the
 * target are written as repr() does, except for names, which are not made safe to print. Returns 0,
 * -ENOMEM or as memory__read().
 */
int path_text__make(char **out, const struct graph *graph, const struct roots *roots,
		    const struct retention_path *path, const struct path_text_options *options);
