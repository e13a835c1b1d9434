/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdio.h>

#include "analysis/object_report.h"

/* Writes everything about one object. */
void text_object__write(const struct census *census, const struct object_report *report, FILE *out);
