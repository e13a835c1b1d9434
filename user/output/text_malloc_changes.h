/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What has changed in glibc's malloc during a trace, in the report for a person.
 */
#pragma once

#include <stdio.h>

#include "analysis/malloc_changes.h"

/* Writes nothing if little has changed. */
void text_malloc_changes__write(const struct malloc_changes *changes, FILE *out);
