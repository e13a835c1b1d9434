/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>

/* A file without a name that contains @bytes. Returns its descriptor, which the caller closes. */
int temp_file__new(const void *bytes, size_t size);
