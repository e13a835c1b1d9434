// SPDX-License-Identifier: BSD-2-Clause
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cmd/commands.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/reader_gone.h"

static const struct command *const commands[] = {
	&command_trace, &command_snapshot, &command_query, &command_report,
	&command_diff,	&command_agent,	   &command_sites, &command_doctor,
};

static void print_usage(void)
{
	fputs("Usage: pyfrag COMMAND [OPTIONS]\n\nFinds the objects that pin the pymalloc arenas "
	      "of a running CPython process, that is,\nkeep it from releasing them.\n\nCommands:\n",
	      stdout);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\nRun 'pyfrag COMMAND --help' for the options of a command, 'pyfrag --version' for "
	      "the version.\n",
	      stdout);
}

/* Help that could not be written is an error. Returns the exit status. */
static int end_output(void)
{
	return reader_gone__flush_stdout() ? 1 : 0;
}

/* Returns the exit status. */
static int run_command(const struct command *command, int argc, char **argv)
{
	struct options options;
	int result;

	result = command__parse(command, argc, argv, &options);
	if (result)
		return result < 0 ? 1 : end_output();
	result = command->run(&options);
	options__release(&options);
	return result < 0 ? 1 : result;
}

static int run(int argc, char **argv)
{
	if (argc < 2) {
		log_error("no command given; see: pyfrag --help");
		return 1;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("pyfrag " PYFRAG_VERSION);
		return end_output();
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_usage();
		return end_output();
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[1], commands[i]->name))
			return run_command(commands[i], argc - 1, argv + 1);
	log_error("unknown command '%.200s'; see: pyfrag --help", argv[1]);
	return 1;
}

int main(int argc, char **argv)
{
	int status;

	signal(SIGPIPE, SIG_IGN); /* restored by reader_gone__end() */
	status = run(argc, argv);
	reader_gone__end();
	return status;
}
