/* SPDX-License-Identifier: BSD-2-Clause */
/* The allocation sites of a report as a profile, for the writers of profile formats. */
#pragma once

#include "analysis/profile.h"
#include "output/report_output.h"

/*
 * Writes @profile to @out. Returns 0, -EDQUOT, -ENOMEM, or negative errno if writing to @out
 * failed.
 */
typedef int profile_format_fn(const struct profile *profile, const struct output_options *options,
			      FILE *out);

/*
 * Makes a profile from @report, which must have allocation sites, and writes it with @format.
 * Returns 0 or negative errno; errors as in struct report_writer.
 */
int profile_report__write(struct report_output *output, const struct report *report,
			  profile_format_fn *format, struct failure *failure);
