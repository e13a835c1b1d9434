/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way to an object as a Python expression, with the root's name in front:
 * "app.cache.STORE['user:17'].tags[3]", "work() in thread 1: rows[0]". Where Python has no words
 * for a step it is in angle brackets.
 */
#pragma once

#include <stdbool.h>

#include "census/retention.h"

struct path_text_options {
	bool no_values; /* keys of dicts are left out: "app.cache.STORE[...]" */
	/* Keys, indexes and elements are left out: what the ways to many objects have in common. */
	bool generic;
};

/*
 * The text of @path, which has a step at least. The caller frees *out. Text of the target in it is
 * as repr() has it, but for names, which are not made safe to print. Returns 0, -ENOMEM or as
 * memory__read().
 */
int path_text__make(char **out, const struct graph *graph, const struct roots *roots,
		    const struct retention_path *path, const struct path_text_options *options);
