/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages for a person, on stderr, one line each: stdout belongs to reports.
 */
#pragma once

#include <stdbool.h>

/* Shows log_debug() lines too. */
void log__set_verbose(bool verbose);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * What is being done right now, overwritten in place; shown only if stderr is a terminal. The next
 * message, or log_progress_done(), removes it.
 */
void log_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_progress_done(void);
