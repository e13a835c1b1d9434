/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is written, and where.
 */
#pragma once

#include "analysis/profile.h"

struct output_options {
	unsigned int format;	  /* the place of a writer, see report_writers.h */
	enum profile_value value; /* for writers that write one value of each stack */
	const char *path;	  /* NULL: stdout */
};
