/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The value of an option: its text is parsed and compared with its bounds, as its row of the table
 * says, and set in struct options.
 */
#pragma once

#include <stdbool.h>

#include "cmd/option_table.h"

/*
 * Sets the option of @row, of any kind but OPTION_ACTION. @text: its value, which texts and lists
 * refer to from then on; not looked at if it takes none. False: @text is not as @row wants it, and
 * nothing has changed.
 */
bool option_value__set(const struct option_row *row, const char *text, struct options *options);

/* What @row wants: "a time from 10ms to 366d", "watch or full". For a message. */
struct option_wanted {
	char text[128];
};

struct option_wanted option_value__wanted(const struct option_row *row);
