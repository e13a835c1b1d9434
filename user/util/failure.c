// SPDX-License-Identifier: BSD-2-Clause
#include "util/failure.h"

#include <stdarg.h>
#include <stdio.h>

int failure__set(struct failure *failure, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(failure->text, sizeof(failure->text), format, args);
	va_end(args);
	return err;
}
