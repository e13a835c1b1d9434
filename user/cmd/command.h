/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A command: its name, its help, the options that it takes, and what it does.
 */
#pragma once

#include "cmd/options.h"

/* The help of an option in one command, where it differs from the table's. */
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
	 * Returns 0; negative errno after one line on stderr that says why; or another exit status,
	 * above 1.
	 */
	int (*run)(const struct options *options);
};

/*
 * Parses argv[1..]. Returns 0; 1 if --help was asked for and printed; -EINVAL after one line on
 * stderr. The caller releases what was parsed.
 */
int command__parse(const struct command *command, int argc, char **argv, struct options *options);

/* For commands that take no arguments: -EINVAL after one line on stderr if there is one, else 0. */
int command__refuse_arguments(const struct command *command, const struct options *options);

/*
 * For options that would have no effect: if one of @ids, which end with 0, was given, -EINVAL after
 * one line on stderr, "NAME: --OPTION WHY", else 0.
 */
int command__refuse(const struct command *command, const struct options *options,
		    const enum option_id *ids, const char *why);

/* Prints the help to stdout. */
void command__print_help(const struct command *command);
