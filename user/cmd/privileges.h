/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a daemon that only reads other processes does without: all capabilities but those for that, and system calls that
 * change anything beyond itself. A target's memory cannot be written to any more, whatever goes wrong.
 */
#pragma once

#include <stdbool.h>

#include "util/failure.h"

/*
 * Gives up everything else, for this thread and all that it will start. @runs_commands: programs may be executed. Errors
 * are described.
 */
int privileges__drop(bool runs_commands, struct failure *failure);
