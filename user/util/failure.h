/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why something failed, for a person: one line that says what failed, on what, why, and what to do.
 * It is written where the reason is known and printed once, by the command.
 */
#pragma once

struct failure {
	char text[1024];
};

/* Writes the line and returns @err (negative errno), so that it can be returned at once. */
int failure__set(struct failure *failure, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
