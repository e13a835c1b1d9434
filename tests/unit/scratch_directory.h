/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A directory of a test's own, in which it works: one at a time.
 */
#pragma once

/* Makes it, and changes to it. Returns 0 or -1. */
int scratch_directory__enter(void);

/* Removes it, which must be empty by then. Returns 0 or -1. */
int scratch_directory__leave(void);

/* Where it is; valid until the next one is made. */
const char *scratch_directory__path(void);
