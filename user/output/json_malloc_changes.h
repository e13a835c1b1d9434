/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What has changed in glibc's malloc during a trace, in the JSON report.
 */
#pragma once

#include <jansson.h>

#include "analysis/malloc_changes.h"

/* A new reference, NULL without memory. */
json_t *json_malloc_changes__report(const struct malloc_changes *changes);
