/* SPDX-License-Identifier: BSD-2-Clause */
/* The subcommands. */
#pragma once

#include "cmd/command.h"

extern const struct command command_snapshot;
extern const struct command command_trace;
extern const struct command command_sites;
extern const struct command command_doctor;
extern const struct command command_query;
extern const struct command command_report;
extern const struct command command_diff;
extern const struct command command_agent;
