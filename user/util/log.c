// SPDX-License-Identifier: BSD-2-Clause
#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "util/text.h"

static bool verbose_enabled;
static bool progress_shown;

void log__set_verbose(bool verbose)
{
	verbose_enabled = verbose;
}

void log_progress_done(void)
{
	if (!progress_shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	progress_shown = false;
}

static void print_line(const char *prefix, const char *format, va_list args)
{
	char line[2048];
	size_t used;

	log_progress_done();
	used = (size_t)snprintf(line, sizeof(line), "pyfrag: %s", prefix);
	vsnprintf(line + used, sizeof(line) - used, format, args);
	fprintf(stderr, "%s\n", text__make_printable(line));
}

void log_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line("", format, args);
	va_end(args);
}

void log_warning(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line("warning: ", format, args);
	va_end(args);
}

void log_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line("", format, args);
	va_end(args);
}

void log_debug(const char *format, ...)
{
	va_list args;

	if (!verbose_enabled)
		return;
	va_start(args, format);
	print_line("debug: ", format, args);
	va_end(args);
}

void log_progress(const char *format, ...)
{
	va_list args;

	if (!isatty(STDERR_FILENO))
		return;
	fputs("\r\033[K", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fflush(stderr);
	progress_shown = true;
}
