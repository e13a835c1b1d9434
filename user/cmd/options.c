// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/log.h"
#include "util/memory_limit.h"
#include "util/units.h"

#define INTERVAL_MIN_S	 0.01
#define DURATION_MIN_S	 1e-6 /* less would be no time at all for a timer */
#define BLOCKS_MAX	 1000000
#define ROWS_MAX	 1000000
#define SAMPLE_BYTES_MAX (1UL << 30)
#define SHOWN_BYTES	 200 /* of a word that is not understood */

struct option_spec {
	enum option_id id;
	const char *name;
	char letter; /* 0: none */
	const char *argument;
	const char *help;
};

static const struct option_spec specs[] = {
	{OPTION_PID, "pid", 'p', "PID", "the process to look at"},
	{OPTION_ALL, "all", 'a', NULL, "all Pythons of this host, now and as they come"},
	{OPTION_COMM, "comm", 0, "NAME", "with --all: only those of that name"},
	{OPTION_USER, "user", 0, "USER", "with --all: only those of that user"},
	{OPTION_CGROUP, "cgroup", 0, "TEXT", "with --all: only those with that in their cgroup"},
	{OPTION_MATCH, "match", 0, "REGEX",
	 "with --all: only those whose command line matches (POSIX, extended)"},
	{OPTION_ALERT, "alert", 0, "RULE",
	 "report when it becomes true, and exit with 2: 'pinned_bytes > 64MiB for 60s'; can be repeated"},
	{OPTION_ALERT_TO, "alert-to", 0, "DESTINATION",
	 "send alerts to: Alertmanager, http://HOST:PORT; or exec:COMMAND, which gets JSON on stdin"},
	{OPTION_SITES, "sites", 0, "N",
	 "with --all: report the N sites that pin or grow most, by probes in up to 4 processes (default 0)"},
	{OPTION_CONFIG, "config", 0, "FILE",
	 "options from a file, one a line: NAME = VALUE; those that follow on the command line override it"},
	{OPTION_LISTEN, "listen", 0, "HOST:PORT", "address to listen on (default 127.0.0.1:9876)"},
	{OPTION_TOKEN_FILE, "token-file", 0, "FILE",
	 "answer only requests with the first line of it: Authorization: Bearer; chmod 600 it"},
	{OPTION_NO_TOKEN, "no-token", 0, NULL, "answer anybody, also from other hosts"},
	{OPTION_COMMAND_LINES, "command-lines", 0, NULL,
	 "serve the command lines of processes, which may contain secrets"},
	{OPTION_INTERVAL, "interval", 'i', "SECONDS",
	 "time between two reports (default 5), or with a unit: 500ms, 10m, 1h"},
	{OPTION_DURATION, "duration", 'd', "SECONDS",
	 "end after so long, or with a unit: 10m, 1h (default: at Ctrl-C)"},
	{OPTION_MODE, "mode", 0, "watch|full",
	 "watch: what the budget allows (default); full: each allocation and free, at any cost"},
	{OPTION_BUDGET, "budget", 0, "PERCENT",
	 "share of the target's CPU time that watching may cost (default 2%); 0: none; "
	 "with --all: of one core, for reading"},
	{OPTION_STACKS, "stacks", 0, "python|none",
	 "record the Python stacks where the heap grows and blocks are allocated (default python)"},
	{OPTION_SAMPLE_BYTES, "sample-bytes", 0, "SIZE",
	 "mean sampling interval of allocations in bytes (default 16KiB); 0 samples every allocation"},
	{OPTION_FORMAT, "format", 0, "FORMAT",
	 "text, json; or, once, at the end, the sites as a profile: pprof, collapsed; or a database"},
	{OPTION_VALUE, "value", 0, "VALUE",
	 "of collapsed stacks: live_bytes (default), live_blocks, hostage_bytes, growth"},
	{OPTION_OUTPUT, "output", 'o', "FILE",
	 "where the profile goes (default: stdout), or the database"},
	{OPTION_JSON, "json", 0, NULL, "a line of JSON for each report (docs/report.schema.json)"},
	{OPTION_MAP, "map", 0, NULL,
	 "draw the heap, a character a sector: ' ' free, '-' partly used, "
	 "'*' used in full"},
	{OPTION_PAUSE, "pause", 0, NULL, "stop the target while its heap is read"},
	{OPTION_BELOW, "below", 0, "PERCENT",
	 "an arena with live blocks is pinned if less of it is live (default 10%)"},
	{OPTION_BLOCKS, "blocks", 0, "N", "list at most N blocks of a pinned arena (default 32)"},
	{OPTION_BY, "by", 0, "WHAT",
	 "show what is in the heap, by type; owner: dicts of instances by their class; size; arena; referrers: "
	 "the types of what refers to it; via: by what (attributes, keys, indexes)"},
	{OPTION_TOP, "top", 0, "N", "show at most N rows of it (default 20)"},
	{OPTION_PATHS, "paths", 0, NULL,
	 "say what keeps the blocks alive that pin arenas: the way to each, from a module or a variable"},
	{OPTION_OBJECT, "object", 0, "ADDRESS",
	 "say all about the object at, or in the block around, that address"},
	{OPTION_ARENA, "arena", 0, "ADDRESS",
	 "list all that lives in the arena at, or around, that address, and what keeps it alive"},
	{OPTION_SINCE, "since", 0, "FILE",
	 "with --by: leave out what was there when that database was written"},
	{OPTION_NO_VALUES, "no-values", 0, NULL,
	 "leave out the program's data (texts, numbers, keys of dicts) and its command line"},
	{OPTION_MAX_MEMORY, "max-memory", 0, "SIZE",
	 "what pyfrag may remember of a process (default " MAX_MEMORY_DEFAULT ")"},
	{OPTION_MAX_CPU, "max-cpu", 0, "SECONDS",
	 "CPU time that reading a process once may take (default: 20, and 20 to 100 more for each "
	 "GiB that it has written)"},
	{OPTION_TIMEOUT, "timeout", 0, "SECONDS",
	 "CPU time that answers from databases may take (default 60), or with a unit: 10m"},
	{OPTION_NO_CACHE, "no-cache", 0, NULL, "scan for probe sites also if they are known"},
	{OPTION_VERBOSE, "verbose", 'v', NULL, "say on stderr what is being done"},
	{OPTION_HELP, "help", 'h', NULL, "show this help"},
};

static const struct option_spec *find_spec(enum option_id id)
{
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
		if (specs[i].id == id)
			return &specs[i];
	return NULL;
}

static const char *find_help(const struct command *command, const struct option_spec *spec)
{
	for (const struct option_help *help = command->help; help && help->id; help++)
		if (help->id == spec->id)
			return help->text;
	return spec->help;
}

void options__print_help(const struct command *command)
{
	printf("Usage: pyfrag %s %s\n\n%s\n\nOptions:\n", command->name, command->arguments,
	       command->description);
	for (const enum option_id *id = command->options; *id; id++) {
		const struct option_spec *spec = find_spec(*id);
		char left[64], letter[8] = "    ";

		if (spec->letter)
			snprintf(letter, sizeof(letter), "-%c, ", spec->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, spec->name,
			 spec->argument ? " " : "", spec->argument ? spec->argument : "");
		printf("  %-28s %s\n", left, find_help(command, spec));
	}
}

static int reject(const struct command *command, const char *what, const char *text,
		  const char *wanted)
{
	log_error("%s %s: '%.*s' is not %s; see: pyfrag %s --help", command->name, what,
		  SHOWN_BYTES, text, wanted, command->name);
	return -EINVAL;
}

static bool parse_integer(const char *text, long min, long max, long *value)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*value = strtol(text, &end, 10);
	return !errno && !*end && *value >= min && *value <= max;
}

static bool parse_address(const char *text, uint64_t *address)
{
	char *end;

	if (strncmp(text, "0x", 2) != 0 || !isxdigit((unsigned char)text[2]))
		return false;
	errno = 0;
	*address = strtoull(text, &end, 16);
	return !errno && !*end && *address;
}

/* Which of @words @text is; @cnt if it is none. */
static size_t find_word(const char *text, const char *const *words, size_t cnt)
{
	size_t i = 0;

	while (i < cnt && strcmp(text, words[i]) != 0)
		i++;
	return i;
}

static int parse_mode(const struct command *command, const char *text, enum trace_mode *mode)
{
	static const char *const names[] = {[TRACE_WATCH] = "watch", [TRACE_FULL] = "full"};
	size_t found = find_word(text, names, ARRAY_SIZE(names));

	if (found == ARRAY_SIZE(names))
		return reject(command, "--mode", text, "a mode: watch or full");
	*mode = (enum trace_mode)found;
	return 0;
}

static int parse_stacks(const struct command *command, const char *text, bool *no_stacks)
{
	*no_stacks = !strcmp(text, "none");
	if (!*no_stacks && strcmp(text, "python") != 0)
		return reject(command, "--stacks", text, "a kind of stacks: python or none");
	return 0;
}

static int parse_format(const struct command *command, const char *text, enum output_format *format)
{
	static const char *const names[] = {
		[FORMAT_TEXT] = "text",		  [FORMAT_JSON] = "json",
		[FORMAT_COLLAPSED] = "collapsed", [FORMAT_PPROF] = "pprof",
		[FORMAT_DATABASE] = "database",
	};
	size_t found = find_word(text, names, ARRAY_SIZE(names));

	if (found == ARRAY_SIZE(names))
		return reject(command, "--format", text,
			      "a format: text, json, collapsed, pprof or database");
	*format = (enum output_format)found;
	return 0;
}

static int parse_value(const struct command *command, const char *text, enum profile_value *value)
{
	for (size_t i = 0; i < PROFILE_VALUE_CNT; i++) {
		if (strcmp(text, profile_value_types[i].name) != 0)
			continue;
		*value = (enum profile_value)i;
		return 0;
	}
	return reject(command, "--value", text,
		      "a value: live_bytes, live_blocks, hostage_bytes or growth");
}

static int parse_by(const struct command *command, const char *text, struct options *options)
{
	size_t found = find_word(text, census_by_names, CENSUS_BY_CNT);

	if (found == CENSUS_BY_CNT)
		return reject(command, "--by", text,
			      "what rows can be by: type, owner, size, arena, referrers or via");
	options->with_census = true;
	options->by = (enum census_by)found;
	return 0;
}

static int apply_option(const struct command *command, enum option_id id, const char *text,
			struct options *options);

/* While a configuration file is read. */
struct config {
	const struct command *command;
	struct options *options;
};

/* A copy of @text that lives as long as the options; NULL without memory. */
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

static int apply_line(void *context, const char *section, const char *name, const char *value)
{
	const struct config *config = context;

	(void)section;
	for (const enum option_id *id = config->command->options; *id; id++) {
		const struct option_spec *spec = find_spec(*id);
		const char *text;

		if (strcmp(spec->name, name) != 0 || !spec->argument || *id == OPTION_CONFIG)
			continue;
		text = keep_text(config->options, value);
		if (!text) {
			log_error("%s --config: out of memory", config->command->name);
			return 0;
		}
		return apply_option(config->command, *id, text, config->options) == 0;
	}
	log_error("%s --config: '%.*s' is no option that has a value", config->command->name,
		  SHOWN_BYTES, name);
	return 0;
}

/* What is wrong with a line was logged before; here follows in which file, and where. */
static int read_config(const struct command *command, const char *path, struct options *options)
{
	struct config config = {.command = command, .options = options};
	int line = ini_parse(path, apply_line, &config);

	if (!line)
		return 0;
	if (line < 0)
		log_error("%s --config: cannot read %s: %s", command->name, path, strerror(errno));
	else
		log_error("%s --config: %s, line %d: malformed", command->name, path, line);
	return -EINVAL;
}

static int set_option(const struct command *command, enum option_id id, const char *text,
		      struct options *options)
{
	long number;

	switch (id) {
	case OPTION_PID:
		if (!parse_integer(text, 1, INT_MAX, &number))
			return reject(command, "--pid", text, "a process id");
		options->pid = (pid_t)number;
		return 0;
	case OPTION_ALL:
		options->all = true;
		return 0;
	case OPTION_COMM:
		options->comm = text;
		return 0;
	case OPTION_USER:
		options->user = text;
		return 0;
	case OPTION_CGROUP:
		options->cgroup = text;
		return 0;
	case OPTION_MATCH:
		options->match = text;
		return 0;
	case OPTION_ALERT:
		if (options->alert_cnt == ALERTS_MAX)
			return reject(command, "--alert", text, "one of the first 32");
		options->alerts[options->alert_cnt++] = text;
		return 0;
	case OPTION_ALERT_TO:
		if (options->alert_to_cnt == ALERT_DESTINATIONS_MAX) {
			_cleanup_free_ char *label = alert_destination__label(text);

			return reject(command, "--alert-to", label ?: "?", "one of the first 8");
		}
		options->alert_to[options->alert_to_cnt++] = text;
		return 0;
	case OPTION_SITES:
		if (!parse_integer(text, 0, PIN_SUMMARY_MAX, &number))
			return reject(command, "--sites", text, "a number from 0 to 5");
		options->sites = (uint32_t)number;
		return 0;
	case OPTION_CONFIG:
		return read_config(command, text, options);
	case OPTION_LISTEN:
		options->listen = text;
		return 0;
	case OPTION_TOKEN_FILE:
		options->token_file = text;
		return 0;
	case OPTION_NO_TOKEN:
		options->no_token = true;
		return 0;
	case OPTION_COMMAND_LINES:
		options->command_lines = true;
		return 0;
	case OPTION_INTERVAL:
		if (!units__parse_seconds(text, &options->interval_s) ||
		    options->interval_s < INTERVAL_MIN_S)
			return reject(command, "--interval", text, "a time from 10ms to 365d");
		return 0;
	case OPTION_DURATION:
		if (!units__parse_seconds(text, &options->duration_s) ||
		    options->duration_s < DURATION_MIN_S)
			return reject(command, "--duration", text, "a time from 1us to 365d");
		return 0;
	case OPTION_MODE:
		return parse_mode(command, text, &options->mode);
	case OPTION_BUDGET:
		if (!units__parse_percent(text, &options->budget))
			return reject(command, "--budget", text, "a percentage from 0 to 100");
		options->budget_given = true;
		return 0;
	case OPTION_STACKS:
		return parse_stacks(command, text, &options->no_stacks);
	case OPTION_SAMPLE_BYTES:
		if (!units__parse_bytes(text, &options->sample_bytes) ||
		    options->sample_bytes > SAMPLE_BYTES_MAX)
			return reject(command, "--sample-bytes", text, "a size up to 1GiB: 16KiB");
		return 0;
	case OPTION_FORMAT:
		return parse_format(command, text, &options->format);
	case OPTION_VALUE:
		return parse_value(command, text, &options->value);
	case OPTION_OUTPUT:
		options->output_path = text;
		return 0;
	case OPTION_JSON:
		options->format = FORMAT_JSON;
		return 0;
	case OPTION_MAP:
		options->map = true;
		return 0;
	case OPTION_PAUSE:
		options->pause = true;
		return 0;
	case OPTION_BELOW:
		if (!units__parse_percent(text, &options->below))
			return reject(command, "--below", text, "a percentage from 0 to 100");
		return 0;
	case OPTION_BLOCKS:
		if (!parse_integer(text, 0, BLOCKS_MAX, &number))
			return reject(command, "--blocks", text, "a number from 0 to 1000000");
		options->blocks_per_arena_max = (uint32_t)number;
		return 0;
	case OPTION_BY:
		return parse_by(command, text, options);
	case OPTION_TOP:
		if (!parse_integer(text, 1, ROWS_MAX, &number))
			return reject(command, "--top", text, "a number from 1 to 1000000");
		options->top = (uint32_t)number;
		return 0;
	case OPTION_PATHS:
		options->with_paths = true;
		return 0;
	case OPTION_OBJECT:
		if (!parse_address(text, &options->object))
			return reject(command, "--object", text, "an address: 0x7f0123456780");
		return 0;
	case OPTION_ARENA:
		if (!parse_address(text, &options->arena))
			return reject(command, "--arena", text, "an address: 0x7f0123400000");
		return 0;
	case OPTION_SINCE:
		options->since = text;
		return 0;
	case OPTION_NO_VALUES:
		options->no_values = true;
		return 0;
	case OPTION_MAX_MEMORY:
		if (!units__parse_bytes(text, &options->max_memory_bytes) ||
		    !options->max_memory_bytes)
			return reject(command, "--max-memory", text, "a size, such as 512MiB");
		return 0;
	case OPTION_MAX_CPU:
		if (!units__parse_seconds(text, &options->max_cpu_s) ||
		    options->max_cpu_s < INTERVAL_MIN_S)
			return reject(command, "--max-cpu", text, "a time from 10ms to 365d");
		return 0;
	case OPTION_TIMEOUT:
		if (!units__parse_seconds(text, &options->timeout_s) ||
		    options->timeout_s < INTERVAL_MIN_S)
			return reject(command, "--timeout", text, "a time from 10ms to 365d");
		return 0;
	case OPTION_NO_CACHE:
		options->no_cache = true;
		return 0;
	case OPTION_VERBOSE:
		log__set_verbose(true);
		return 0;
	case OPTION_HELP:
		options__print_help(command);
		return 1;
	}
	return -EINVAL;
}

static int apply_option(const struct command *command, enum option_id id, const char *text,
			struct options *options)
{
	int result = set_option(command, id, text, options);

	_Static_assert(OPTION_HELP < 64, "struct options has a bit for each");
	if (!result)
		options->given |= 1UL << id;
	return result;
}

/* What getopt_long() wants of the options that the command takes. */
static void build_tables(const struct command *command, struct option *longs, char *letters)
{
	/* What follows the command belongs to it: trace -- CMD -x */
	if (command->starts_command)
		*letters++ = '+';
	*letters++ = ':'; /* a missing value is told from an unknown option */
	for (const enum option_id *id = command->options; *id; id++) {
		const struct option_spec *spec = find_spec(*id);

		*longs++ = (struct option){
			.name = spec->name,
			.has_arg = spec->argument ? required_argument : no_argument,
			.val = (int)spec->id + CHAR_MAX + 1,
		};
		if (!spec->letter)
			continue;
		*letters++ = spec->letter;
		if (spec->argument)
			*letters++ = ':';
	}
	*longs = (struct option){};
	*letters = '\0';
}

static enum option_id id_of_code(int code)
{
	if (code > CHAR_MAX)
		return (enum option_id)(code - CHAR_MAX - 1);
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
		if (specs[i].letter == code)
			return specs[i].id;
	return OPTION_HELP;
}

/* @code: what getopt_long() returned for the word before optind, or for the letter optopt in it. */
static int reject_word(const struct command *command, int code, char **argv)
{
	char letter[] = {'-', (char)optopt, '\0'};
	bool is_letter = optopt > 0 && optopt <= CHAR_MAX;
	const char *word = is_letter ? letter : argv[optind - 1];

	if (code == ':')
		log_error("%s: '%.*s' wants a value; see: pyfrag %s --help", command->name,
			  SHOWN_BYTES, word, command->name);
	else if (optopt)
		log_error("%s: '%.*s' %s; see: pyfrag %s --help", command->name, SHOWN_BYTES, word,
			  is_letter ? "is no option" : "takes no value", command->name);
	else
		log_error("%s: '%.*s' is no option; see: pyfrag %s --help", command->name,
			  SHOWN_BYTES, word, command->name);
	return -EINVAL;
}

void options__release(struct options *options)
{
	while (options->config_values) {
		struct config_value *value = options->config_values;

		options->config_values = value->next;
		free(value);
	}
}

int options__parse(const struct command *command, int argc, char **argv, struct options *options)
{
	struct option longs[ARRAY_SIZE(specs) + 1];
	char letters[2 * ARRAY_SIZE(specs) + 3];
	struct options parsed = {
		.listen = "127.0.0.1:9876",
		.interval_s = 5,
		.budget = 0.02,
		.below = 0.10,
		.blocks_per_arena_max = 32,
		.top = 20,
		.max_memory_bytes = memory_limit__default(""),
		.timeout_s = 60,
		.sample_bytes = 16UL << 10,
	};
	int code, result = 0;

	build_tables(command, longs, letters);
	opterr = 0; /* we say it ourselves */
	optind = 0; /* begins anew, also in the middle of a word */
	while (!result && (code = getopt_long(argc, argv, letters, longs, NULL)) != -1)
		result = code == '?' || code == ':'
				 ? reject_word(command, code, argv)
				 : apply_option(command, id_of_code(code), optarg, &parsed);
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

int options__refuse_arguments(const struct command *command, const struct options *options)
{
	if (!options->argument_cnt)
		return 0;
	log_error("%s: takes no argument '%.*s'; see: pyfrag %s --help", command->name, SHOWN_BYTES,
		  options->arguments[0], command->name);
	return -EINVAL;
}

int options__refuse(const struct command *command, const struct options *options,
		    const enum option_id *ids, const char *why)
{
	for (; *ids; ids++) {
		if (!(options->given & 1UL << *ids))
			continue;
		log_error("%s: --%s %s", command->name, find_spec(*ids)->name, why);
		return -EINVAL;
	}
	return 0;
}

bool options__want_profile(const struct options *options)
{
	return options->format == FORMAT_COLLAPSED || options->format == FORMAT_PPROF;
}

bool options__want_reports(const struct options *options)
{
	return !options__want_profile(options) && options->format != FORMAT_DATABASE;
}
