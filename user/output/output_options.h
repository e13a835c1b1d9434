/* SPDX-License-Identifier: BSD-2-Clause */
/* What to write, and where to. */
#pragma once

#include "analysis/profile.h"

struct output_options {
	unsigned int format;	  /* index of a writer, see report_writers.h */
	enum profile_value value; /* for writers of one value per stack */
	const char *path;	  /* NULL: stdout */
};
