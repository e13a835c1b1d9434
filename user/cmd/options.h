/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The values of the options of all subcommands, grouped by the directory that uses them. Each
 * command lists the options that it takes. Names, bounds, defaults and help are rows of one table
 * (option_table.h), shared by the parser, configuration files and --help.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/serving.h"
#include "alerts/alerting.h"
#include "host/host_options.h"
#include "output/report_writers.h"
#include "snapshot/snapshot_options.h"
#include "trace/trace_options.h"

enum option_id {
	OPTION_PID = 1,
	OPTION_ALL,
	OPTION_COMM,
	OPTION_USER,
	OPTION_CGROUP,
	OPTION_MATCH,
	OPTION_ALERT,
	OPTION_ALERT_TO,
	OPTION_SITES,
	OPTION_CONFIG,
	OPTION_LISTEN,
	OPTION_TOKEN_FILE,
	OPTION_NO_TOKEN,
	OPTION_COMMAND_LINES,
	OPTION_INTERVAL,
	OPTION_DURATION,
	OPTION_MODE,
	OPTION_BUDGET,
	OPTION_STACKS,
	OPTION_SAMPLE_BYTES,
	OPTION_FORMAT,
	OPTION_VALUE,
	OPTION_OUTPUT,
	OPTION_JSON,
	OPTION_MAP,
	OPTION_PAUSE,
	OPTION_SWAPPED,
	OPTION_BELOW,
	OPTION_BLOCKS,
	OPTION_BY,
	OPTION_TOP,
	OPTION_PATHS,
	OPTION_RETAINED,
	OPTION_OBJECT,
	OPTION_ARENA,
	OPTION_SINCE,
	OPTION_NO_VALUES,
	OPTION_MAX_MEMORY,
	OPTION_MAX_CPU,
	OPTION_TIMEOUT,
	OPTION_NO_CACHE,
	OPTION_VERBOSE,
	OPTION_HELP,
};

/* A value from a configuration file. */
struct config_value {
	struct config_value *next;
	char text[];
};

struct options {
	uint64_t given; /* a bit for each option_id, see options__is_given() */
	pid_t pid;	/* 0: not given */
	bool all;	/* all Python processes of the host that match @filter */
	struct host_filter filter;
	uint32_t sites; /* for watched hosts: number of allocation sites to report; 0: none */
	struct alerting_options alerting;
	struct serving_options serving;
	struct snapshot_options snapshot;
	struct trace_options trace;
	struct output_options output;
	char **arguments; /* remaining arguments; not owned */
	int argument_cnt;
	/*
	 * Everything that was parsed, to parse it again when the configuration file may have
	 * changed.
	 */
	char **all_arguments;
	int all_argument_cnt;
	struct config_value *config_values; /* owned; all other texts are from the command line */
};

void options__release(struct options *options);

/* Whether the option was given, on the command line or in a configuration file. */
bool options__is_given(const struct options *options, enum option_id id);

/* The report writer that the options select. */
const struct report_writer *options__writer(const struct options *options);

/* The options for watching a whole host. */
struct host_options options__host(const struct options *options);
