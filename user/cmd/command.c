// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/command.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/option_value.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/memory_limit.h"

#define SHOWN_BYTES  200 /* of an invalid word in error messages */
#define HELP_COLUMN  31	 /* where descriptions of options start */
#define HELP_COLUMNS 100
#define HELP_BYTES   512 /* of one description */

static const char *find_help(const struct command *command, const struct option_row *row)
{
	for (const struct option_help *help = command->help; help && help->id; help++)
		if (help->id == row->id)
			return help->text;
	return row->help;
}

/*
 * Prints @text, wrapped at words, in a column that starts at @indent; the cursor is already there.
 * A newline begins a new paragraph.
 */
static void print_wrapped(const char *text, int indent)
{
	int column = indent;

	while (*text) {
		int length = (int)strcspn(text, " \n");

		if (column > indent && column + 1 + length > HELP_COLUMNS) {
			printf("\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			putchar(' ');
			column++;
		}
		printf("%.*s", length, text);
		column += length;
		text += length;
		if (*text == '\n') {
			printf("\n\n%*s", indent, "");
			column = indent;
		}
		text += *text != '\0';
	}
	putchar('\n');
}

static void describe_option(const struct command *command, const struct option_row *row, FILE *out)
{
	const char *preset = row->preset_is ? row->preset_is : row->preset;

	fputs(find_help(command, row), out);
	for (size_t i = 0; row->word_help && row->word(i); i++)
		fprintf(out, "%s%s (%s)", i ? ", " : "", row->word(i), row->word_help(i));
	if (preset)
		fprintf(out, " (default %s)", preset);
}

static void print_option(const struct command *command, const struct option_row *row)
{
	char left[64], letter[8] = "    ", text[HELP_BYTES] = "";
	_cleanup_fclose_ FILE *out = fmemopen(text, sizeof(text), "w");

	if (row->letter)
		snprintf(letter, sizeof(letter), "-%c, ", row->letter);
	snprintf(left, sizeof(left), "%s--%s%s%s", letter, row->name, row->argument ? " " : "",
		 row->argument ? row->argument : "");
	if (out) {
		describe_option(command, row, out);
		fflush(out);
	}
	printf("  %-*s ", HELP_COLUMN - 3, left);
	print_wrapped(text, HELP_COLUMN);
}

void command__print_help(const struct command *command)
{
	printf("Usage: pyfrag %s %s\n\n", command->name, command->arguments);
	print_wrapped(command->description, 0);
	printf("\nOptions:\n");
	for (const enum option_id *id = command->options; *id; id++)
		print_option(command, option_table__find(*id));
}

static int reject(const struct command *command, const struct option_row *row, const char *text)
{
	/* The value itself is not shown: a destination of alerts may contain a secret. */
	if (row->kind == OPTION_LIST)
		log_error("%s: --%s can be given at most %s times; see: pyfrag %s --help",
			  command->name, row->name, row->max, command->name);
	else
		log_error("%s --%s: '%.*s' is not %s; see: pyfrag %s --help", command->name,
			  row->name, SHOWN_BYTES, text, option_value__wanted(row).text,
			  command->name);
	return -EINVAL;
}

static int apply_option(const struct command *command, const struct option_row *row,
			const char *text, struct options *options);

/* Context while a configuration file is read. */
struct config {
	const struct command *command;
	struct options *options;
	bool has_refused; /* some line, and has logged why */
};

/* Copies @text for the lifetime of the options; NULL when out of memory. */
static const char *keep_text(struct options *options, const char *text)
{
	size_t size = strlen(text) + 1;
	struct config_value *value = malloc(sizeof(*value) + size);

	if (!value)
		return NULL;
	memcpy(value->text, text, size);
	value->next = options->config_values;
	options->config_values = value;
	return value->text;
}

static bool apply_value(const struct config *config, const char *name, const char *value)
{
	for (const enum option_id *id = config->command->options; *id; id++) {
		const struct option_row *row = option_table__find(*id);
		const char *text;

		if (strcmp(row->name, name) != 0 || !row->argument || *id == OPTION_CONFIG)
			continue;
		text = keep_text(config->options, value);
		if (!text) {
			log_error("%s --config: out of memory", config->command->name);
			return false;
		}
		return apply_option(config->command, row, text, config->options) == 0;
	}
	log_error("%s --config: unknown option '%.*s' (only options that take a value are allowed)",
		  config->command->name, SHOWN_BYTES, name);
	return false;
}

static int apply_line(void *context, const char *section, const char *name, const char *value)
{
	struct config *config = context;
	bool is_applied = apply_value(config, name, value);

	(void)section;
	config->has_refused |= !is_applied;
	return is_applied;
}

/* Errors in the values of lines have already been logged, without the number of the line. */
static int read_config(const struct command *command, const char *path, struct options *options)
{
	struct config config = {.command = command, .options = options};
	int line = ini_parse(path, apply_line, &config);

	if (!line)
		return 0;
	if (line < 0)
		log_error("%s --config: cannot read %s: %s", command->name, path, strerror(errno));
	else if (config.has_refused)
		log_error("%s --config: the first error is in %s, line %d", command->name, path,
			  line);
	else
		log_error("%s --config: %s, line %d: expected NAME = VALUE", command->name, path,
			  line);
	return -EINVAL;
}

/*
 * The value of an option that may be given without one: what follows "=", the next word if it
 * begins like a number, or what is implied.
 */
static const char *optional_value(const struct option_row *row, int argc, char **argv)
{
	if (optarg || !row->implied)
		return optarg;
	if (optind < argc && isdigit((unsigned char)*argv[optind]))
		return argv[optind++];
	return row->implied;
}

/* Sets the option or performs its action. Returns as command__parse() does. */
static int set_option(const struct command *command, const struct option_row *row, const char *text,
		      struct options *options)
{
	if (row->id == OPTION_HELP) {
		command__print_help(command);
		return 1;
	}
	if (row->id == OPTION_CONFIG)
		return read_config(command, text, options);
	if (row->id == OPTION_VERBOSE)
		log__set_verbose(true);
	if (row->kind == OPTION_ACTION || option_value__set(row, text, options))
		return 0;
	return reject(command, row, text);
}

static int apply_option(const struct command *command, const struct option_row *row,
			const char *text, struct options *options)
{
	int result = set_option(command, row, text, options);

	if (!result)
		options->given |= 1UL << row->id;
	return result;
}

/* Sets the defaults. */
static void set_presets(struct options *options)
{
	const struct option_row *row;

	*options = (struct options){.snapshot.reading.max_memory_bytes = memory_limit__default("")};
	for (size_t i = 0; (row = option_table__at(i)); i++)
		if (row->preset)
			option_value__set(row, row->preset, options);
}

/* Fills in the tables for getopt_long() with the options of the command. */
static void build_tables(const struct command *command, struct option *longs, char *letters)
{
	/* Options after the command belong to the command: trace -- CMD -x */
	if (command->starts_command)
		*letters++ = '+';
	*letters++ = ':'; /* distinguishes a missing value from an unknown option */
	for (const enum option_id *id = command->options; *id; id++) {
		const struct option_row *row = option_table__find(*id);

		*longs++ = (struct option){
			.name = row->name,
			.has_arg = row->implied	   ? optional_argument
				   : row->argument ? required_argument
						   : no_argument,
			.val = (int)row->id + CHAR_MAX + 1,
		};
		if (!row->letter)
			continue;
		*letters++ = row->letter;
		if (row->argument)
			*letters++ = ':';
	}
	*longs = (struct option){};
	*letters = '\0';
}

static const struct option_row *row_of_code(int code)
{
	const struct option_row *row;

	if (code > CHAR_MAX)
		return option_table__find((enum option_id)(code - CHAR_MAX - 1));
	for (size_t i = 0; (row = option_table__at(i)); i++)
		if (row->letter == code)
			break;
	return row;
}

/* @code: the result of getopt_long() for the word before optind, or for the letter optopt in it. */
static int reject_word(const struct command *command, int code, char **argv)
{
	char letter[] = {'-', (char)optopt, '\0'};
	bool is_letter = optopt > 0 && optopt <= CHAR_MAX;
	const char *word = is_letter ? letter : argv[optind - 1];

	if (code == ':')
		log_error("%s: option '%.*s' requires a value; see: pyfrag %s --help",
			  command->name, SHOWN_BYTES, word, command->name);
	else if (optopt)
		log_error(is_letter ? "%s: unknown option '%.*s'; see: pyfrag %s --help"
				    : "%s: option '%.*s' takes no value; see: pyfrag %s --help",
			  command->name, SHOWN_BYTES, word, command->name);
	else
		log_error("%s: unknown option '%.*s'; see: pyfrag %s --help", command->name,
			  SHOWN_BYTES, word, command->name);
	return -EINVAL;
}

static int apply_code(const struct command *command, int code, int argc, char **argv,
		      struct options *options)
{
	const struct option_row *row = row_of_code(code);

	return apply_option(command, row, optional_value(row, argc, argv), options);
}

int command__parse(const struct command *command, int argc, char **argv, struct options *options)
{
	struct option longs[OPTION_TABLE_MAX];
	char letters[2 * OPTION_TABLE_MAX + 3];
	struct options parsed;
	int code, result = 0;

	set_presets(&parsed);
	build_tables(command, longs, letters);
	opterr = 0; /* errors are logged here instead */
	optind = 0; /* starts over, even in the middle of a word */
	while (!result && (code = getopt_long(argc, argv, letters, longs, NULL)) != -1)
		result = code == '?' || code == ':'
				 ? reject_word(command, code, argv)
				 : apply_code(command, code, argc, argv, &parsed);
	if (result) {
		options__release(&parsed);
		return result;
	}
	parsed.all_arguments = argv;
	parsed.all_argument_cnt = argc;
	parsed.arguments = argv + optind;
	parsed.argument_cnt = argc - optind;
	*options = parsed;
	return 0;
}

int command__refuse_arguments(const struct command *command, const struct options *options)
{
	if (!options->argument_cnt)
		return 0;
	log_error("%s: unexpected argument '%.*s'; see: pyfrag %s --help", command->name,
		  SHOWN_BYTES, options->arguments[0], command->name);
	return -EINVAL;
}

int command__refuse(const struct command *command, const struct options *options,
		    const enum option_id *ids, const char *why)
{
	for (; *ids; ids++) {
		if (!options__is_given(options, *ids))
			continue;
		log_error("%s: --%s %s", command->name, option_table__find(*ids)->name, why);
		return -EINVAL;
	}
	return 0;
}
