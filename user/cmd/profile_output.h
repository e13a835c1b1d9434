/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A trace's allocation sites as a profile for other tools, written once, when the trace ends.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "analysis/site_ranking.h"
#include "cmd/options.h"
#include "pymalloc/heap_source.h"
#include "util/out_file.h"

/*
 * Opens where it will go (-o FILE, or stdout). Returns 0 or negative errno after one line on
 * stderr; the caller frees.
 */
int profile_output__open(struct out_file **out, const struct options *options);

/*
 * Writes the profile of @ranking, which holds all sites, and commits the file. Returns 0 or
 * negative errno after one line on stderr.
 */
int profile_output__write(struct out_file *file, const struct options *options,
			  const struct heap_source *source, const struct site_ranking *ranking,
			  double traced_for_s);
