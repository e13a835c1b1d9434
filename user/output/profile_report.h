/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The allocation sites of a report as a profile, for the writers that write one.
 */
#pragma once

#include "analysis/profile.h"
#include "output/report_output.h"

/* Writes @profile to @out. Returns 0, -EDQUOT, -ENOMEM, or why @out did not take all of it. */
typedef int profile_format_fn(const struct profile *profile, const struct output_options *options,
			      FILE *out);

/*
 * Makes the profile of @report, which has allocation sites, and has @format write it. Returns 0 or
 * negative errno; errors as struct report_writer has them.
 */
int profile_report__write(struct report_output *output, const struct report *report,
			  profile_format_fn *format, struct failure *failure);
