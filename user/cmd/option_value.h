/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parses the value of an option, checks its bounds as the option's row specifies, and sets it in
 * struct options.
 */
#pragma once

#include <stdbool.h>

#include "cmd/option_table.h"

/*
 * Sets the option of @row, of any kind except OPTION_ACTION. @text: its value, ignored if the
 * option takes none; texts and lists keep the pointer. Returns false, with nothing changed, if the
 * value is invalid.
 */
bool option_value__set(const struct option_row *row, const char *text, struct options *options);

/*
 * The value that @row expects, for error messages: "a time from 10ms to 366d", "watch or full". Not
 * for lists, which accept any value and fail only when they are full.
 */
struct option_wanted {
	char text[128];
};

struct option_wanted option_value__wanted(const struct option_row *row);
