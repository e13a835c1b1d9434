/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the options of all subcommands are set to. Each command names those it takes; what they are
 * called and what they may be is in one table (option_table.h), from which parsing, configuration
 * files and --help come.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "alerts/alert_sender.h"
#include "analysis/census_kinds.h"
#include "analysis/profile.h"

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
	OPTION_BELOW,
	OPTION_BLOCKS,
	OPTION_BY,
	OPTION_TOP,
	OPTION_PATHS,
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

enum trace_mode {
	TRACE_WATCH,
	TRACE_FULL,
};

enum output_format {
	FORMAT_TEXT,
	FORMAT_JSON,
	FORMAT_COLLAPSED,
	FORMAT_PPROF,
	FORMAT_DATABASE,
};

enum stacks {
	STACKS_PYTHON,
	STACKS_NONE,
};

/* More rules are refused. */
#define ALERTS_MAX 32

/* The values of an option that can be given several times. */
struct option_list {
	const char *texts[ALERTS_MAX]; /* not owned */
	uint32_t cnt;
};

/* A value from a configuration file. */
struct config_value {
	struct config_value *next;
	char text[];
};

struct options {
	uint64_t given;		     /* a bit for each option_id: see options__is_given() */
	pid_t pid;		     /* 0: none given */
	bool all;		     /* Pythons of the host, but only those: */
	struct option_list alerts;   /* rules, not parsed yet */
	struct option_list alert_to; /* as alert_sender__new(); besides stderr */
	uint32_t sites;		     /* of watched hosts: so many are reported; 0: none */
	const char *listen;	     /* where the agent answers */
	const char *token_file;	     /* NULL: requests need no token */
	bool no_token;		     /* that is so on addresses, too, that other hosts can reach */
	bool command_lines;	     /* what is served has them */
	const char *comm, *user, *cgroup, *match; /* see struct host_filter */
	double interval_s;
	double duration_s; /* 0: no end */
	enum trace_mode mode;
	double budget; /* in mode watch: share of the target's CPU time */
	enum stacks stacks;
	uint64_t sample_bytes; /* mean sampling interval, bytes; 0: every allocation */
	enum output_format format;
	enum profile_value value; /* of collapsed stacks */
	const char *output_path;  /* NULL: stdout */
	bool map, pause, no_cache;
	double below; /* occupancy below which an arena with live blocks is pinned */
	uint32_t blocks_per_arena_max;
	enum census_by by;	/* if it is given: show what is in the heap, by this */
	uint32_t top;		/* how many rows of it */
	bool with_paths;	/* say what keeps alive what pins */
	uint64_t object, arena; /* addresses; 0: none */
	bool with_database;	/* all that goes into a database */
	const char *since;	/* a database; NULL: none */
	bool no_values;		/* nothing of the program's data, and no command line */
	uint64_t max_memory_bytes;
	double max_cpu_s; /* of one reading of one process; 0: by its memory */
	double timeout_s; /* of CPU time, for a database's answers */
	char **arguments; /* what is left; not owned */
	int argument_cnt;
	/*
	 * What was parsed, to be parsed again: a configuration file may say something else by then.
	 */
	char **all_arguments;
	int all_argument_cnt;
	struct config_value *config_values; /* owned; others are the command line's */
};

/* What an option is for in one command, if that differs from what it is in others. */
struct option_help {
	enum option_id id; /* 0: the end */
	const char *text;
};

struct command {
	const char *name;
	const char *arguments; /* the usage line behind the name */
	const char *summary;   /* one line */
	const char *description;
	bool starts_command;		/* its arguments are a command, with options of its own */
	const enum option_id *options;	/* ends with 0 */
	const struct option_help *help; /* of some of them; NULL: of none */
	/*
	 * Returns 0; negative errno after it has said why on stderr; or another exit status, above
	 * 1.
	 */
	int (*run)(const struct options *options);
};

/*
 * Parses argv[1..] for @command. Returns 0; 1 if --help was asked for and printed; -EINVAL after
 * one line on stderr. The caller releases what was parsed.
 */
int options__parse(const struct command *command, int argc, char **argv, struct options *options);
void options__release(struct options *options);

/* For commands that take no arguments: -EINVAL after one line on stderr if there is one, else 0. */
int options__refuse_arguments(const struct command *command, const struct options *options);

/* Whether the option was given, on the command line or in a configuration file. */
bool options__is_given(const struct options *options, enum option_id id);

/*
 * For options that would have no effect: if one of @ids, which end with 0, was given, -EINVAL after
 * one line on stderr, "NAME: --OPTION WHY", else 0.
 */
int options__refuse(const struct command *command, const struct options *options,
		    const enum option_id *ids, const char *why);

/* Whether a profile is asked for, in place of reports. */
bool options__want_profile(const struct options *options);

/* Whether reports are asked for, not a file that is written in the end. */
bool options__want_reports(const struct options *options);

/* Prints a command's help to stdout. */
void options__print_help(const struct command *command);
