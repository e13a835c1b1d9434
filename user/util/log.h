/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages for the user, one line each, on stderr; stdout is for reports. */
#pragma once

#include <stdbool.h>

/* Makes log_debug() print its messages. */
void log__set_verbose(bool verbose);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Shows the current activity, if stderr is a terminal; each call overwrites the previous text. The
 * next message or log_progress_done() removes it.
 */
void log_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_progress_done(void);
