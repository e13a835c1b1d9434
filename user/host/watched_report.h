/* SPDX-License-Identifier: BSD-2-Clause */
/* The report of a Python that is watched with others. */
#pragma once

#include "host/watched.h"
#include "output/report.h"

/*
 * Begins the report on what the last reading of @watched has found, which must be there and stay
 * there. @no_values: as struct report has it.
 */
void watched_report__begin(struct report *report, const struct watched *watched, bool no_values);
