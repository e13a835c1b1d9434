/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An error message for the user: one line that says what failed, on what, why, and what to do. The
 * code that knows the reason writes it, and the command prints it once.
 */
#pragma once

struct failure {
	char text[1024];
};

/* Writes the message and returns @err (negative errno), so that callers can return its result. */
int failure__set(struct failure *failure, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
