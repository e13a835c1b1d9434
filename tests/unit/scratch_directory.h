/* SPDX-License-Identifier: BSD-2-Clause */
/* A working directory of a test's own; one at a time. */
#pragma once

/* Creates it and changes to it. Returns 0 or -1. */
int scratch_directory__enter(void);

/* Removes it; it must be empty. Returns 0 or -1. */
int scratch_directory__leave(void);

/* Its path; valid until the next one is created. */
const char *scratch_directory__path(void);
