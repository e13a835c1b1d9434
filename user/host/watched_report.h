/* SPDX-License-Identifier: BSD-2-Clause */
/* The report on a Python that is watched together with others. */
#pragma once

#include "host/watched.h"
#include "output/report.h"

/*
 * Starts the report on the last reading of @watched, whose results must exist and outlive the
 * report. @no_values: see struct report.
 */
void watched_report__begin(struct report *report, const struct watched *watched, bool no_values);
