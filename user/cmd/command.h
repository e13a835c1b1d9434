/* SPDX-License-Identifier: BSD-2-Clause */
/* A command: its name, help, options and function. */
#pragma once

#include "cmd/options.h"

/* The help of an option for one command, if it differs from the table's. */
struct option_help {
	enum option_id id; /* 0 at the end */
	const char *text;
};

struct command {
	const char *name;
	const char *arguments; /* usage, after the command's name */
	const char *summary;   /* one line */
	const char *description;
	bool starts_command;		/* its arguments are a command with options of its own */
	const enum option_id *options;	/* terminated by 0 */
	const struct option_help *help; /* overrides the help of some options; NULL: none */
	/*
	 * Returns 0; negative errno after logging one line on stderr; or an exit status above 1.
	 */
	int (*run)(const struct options *options);
};

/*
 * Parses argv[1..]. Returns 0; 1 if --help was given and printed; or -EINVAL after logging one line
 * on stderr. The caller releases *options after success.
 */
int command__parse(const struct command *command, int argc, char **argv, struct options *options);

/*
 * For commands without arguments: returns -EINVAL after logging one line on stderr if there are
 * any, else 0.
 */
int command__refuse_arguments(const struct command *command, const struct options *options);

/*
 * For options that would have no effect: if one of @ids (terminated by 0) was given, returns
 * -EINVAL after logging the line "NAME: --OPTION WHY" on stderr, else 0.
 */
int command__refuse(const struct command *command, const struct options *options,
		    const enum option_id *ids, const char *why);

/* Prints the help to stdout. */
void command__print_help(const struct command *command);
