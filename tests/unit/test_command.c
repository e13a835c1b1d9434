// SPDX-License-Identifier: BSD-2-Clause
/*
 * Command lines as users may type them. The options of each command are listed here once more, by
 * hand. Every error has to give one line on stderr that says what is wrong and what to do, and has
 * to leave the caller's options unchanged.
 */
#include "cmd/command.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "unit_test.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/memory_limit.h"

#define POISON 0xa5
#define KIB    1024UL

static const struct command *const commands[] = {
	&command_trace, &command_snapshot, &command_sites, &command_doctor,
	&command_query, &command_report,   &command_diff,  &command_agent,
};

/* The result of a call, and its output. */
struct outcome {
	int result;
	struct options options;
	char out[8192], err[8192];
	char *argv[24];
};

struct redirection {
	FILE *stream;
	int fd, saved, file;
};

static void redirect(struct redirection *redirection, FILE *stream)
{
	fflush(stream);
	redirection->stream = stream;
	redirection->fd = fileno(stream);
	redirection->saved = dup(redirection->fd);
	redirection->file = memfd_create("output", MFD_CLOEXEC);
	if (redirection->saved < 0 || redirection->file < 0 ||
	    dup2(redirection->file, redirection->fd) < 0)
		abort();
}

static void restore(const struct redirection *redirection, char *text, size_t size)
{
	ssize_t length;

	fflush(redirection->stream);
	dup2(redirection->saved, redirection->fd);
	length = pread(redirection->file, text, size - 1, 0);
	text[length < 0 ? 0 : length] = '\0';
	close(redirection->saved);
	close(redirection->file);
}

/* Parses the words: the first is the command's name, the last is NULL. */
static void parse(struct outcome *outcome, const struct command *command, const char *const *words)
{
	struct redirection out, err;
	int argc = 0;

	memset(outcome, POISON, sizeof(*outcome));
	for (; words[argc]; argc++)
		outcome->argv[argc] = (char *)words[argc];
	outcome->argv[argc] = NULL;
	redirect(&out, stdout);
	redirect(&err, stderr);
	outcome->result = command__parse(command, argc, outcome->argv, &outcome->options);
	restore(&err, outcome->err, sizeof(outcome->err));
	restore(&out, outcome->out, sizeof(outcome->out));
}

#define PARSE(outcome, command, ...)                                                               \
	parse(outcome, command, (const char *const[]){(command)->name, ##__VA_ARGS__, NULL})

/* Checks that the message is one line: the command's name, then @what, then where to find more. */
static void check_message(const struct outcome *outcome, const char *what, const char *help)
{
	const char *line = outcome->err, *newline = strchr(line, '\n');

	if (strncmp(line, "pyfrag: ", strlen("pyfrag: ")) != 0 || !newline || newline[1])
		fail_msg("not one line of pyfrag's: \"%s\"", line);
	for (const char *at = line; at < newline; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			fail_msg("a control character in \"%s\"", line);
	if (!strstr(line, what))
		fail_msg("\"%s\" does not name %s", line, what);
	if (!strstr(line, help))
		fail_msg("\"%s\" does not tell what to do: %s", line, help);
	assert_string_equal(outcome->out, "");
}

static void check_untouched(const struct outcome *outcome)
{
	uint8_t poison[sizeof(outcome->options)];

	memset(poison, POISON, sizeof(poison));
	if (memcmp(&outcome->options, poison, sizeof(poison)) != 0)
		fail_msg("options were changed by a command line with \"%s\"", outcome->err);
}

static void check_error(const struct outcome *outcome, const struct command *command,
			const char *what)
{
	char help[64];

	assert_int_equal(outcome->result, -EINVAL);
	snprintf(help, sizeof(help), "pyfrag %s --help", command->name);
	check_message(outcome, what, help);
}

static void check_success(const struct outcome *outcome)
{
	if (outcome->result || outcome->err[0])
		fail_msg("result %d: \"%s\"", outcome->result, outcome->err);
	assert_string_equal(outcome->out, "");
}

/*
 * All options, a valid value, and the commands that accept them: t(race), s(napshot), (s)i(tes),
 * d(octor), a(gent).
 */
static const struct known_option {
	const char *name, *letter, *value, *takers;
} known_options[] = {
	{"--pid", "-p", "17", "tsid"},
	{"--interval", "-i", "2.5", "ta"},
	{"--duration", "-d", "90s", "t"},
	{"--mode", NULL, "watch", "t"},
	{"--json", NULL, NULL, "tsqf"},
	{"--map", NULL, NULL, "ts"},
	{"--pause", NULL, NULL, "ts"},
	{"--swapped", NULL, NULL, "tsa"},
	{"--below", NULL, "25%", "tsfa"},
	{"--budget", NULL, "0.5%", "ta"},
	{"--blocks", NULL, "4", "tsa"},
	{"--stacks", NULL, "none", "t"},
	{"--sample-bytes", NULL, "4KiB", "t"},
	{"--format", NULL, "pprof", "t"},
	{"--value", NULL, "growth", "t"},
	{"--output", "-o", "heap.pb.gz", "ts"},
	{"--max-memory", NULL, "64MiB", "tsdfaqr"},
	{"--max-cpu", NULL, "90s", "tsidfa"},
	{"--timeout", NULL, "2s", "sqrf"},
	{"--by", NULL, "owner", "s"},
	{"--top", NULL, "7", "sf"},
	{"--no-cache", NULL, NULL, "tid"},
	{"--verbose", "-v", NULL, "tsidfa"},
	{"--help", "-h", NULL, "tsidqrfa"},
	{"--paths", NULL, NULL, "s"},
	{"--retained", NULL, "5", "s"},
	{"--object", NULL, "0x7f00", "s"},
	{"--arena", NULL, "0x7f00", "s"},
	{"--all", "-a", NULL, "t"},
	{"--comm", NULL, "python3", "ta"},
	{"--user", NULL, "www-data", "ta"},
	{"--cgroup", NULL, "system.slice", "ta"},
	{"--match", NULL, "gunicorn", "ta"},
	{"--alert", NULL, "pinned_bytes > 1", "ta"},
	{"--alert-to", NULL, "http://[::1]:1", "ta"},
	{"--sites", NULL, "5", "ta"},
	{"--listen", NULL, "[::1]:1", "a"},
	{"--config", NULL, "/dev/null", "a"},
	{"--token-file", NULL, "token", "a"},
	{"--no-token", NULL, NULL, "a"},
	{"--command-lines", NULL, NULL, "a"},
	{"--since", NULL, "heap.db", "s"},
	{"--no-values", NULL, NULL, "ts"},
};

static bool takes(const struct command *command, const struct known_option *option)
{
	char letter = command == &command_sites	 ? 'i'
		      : command == &command_diff ? 'f'
						 : command->name[0];

	return strchr(option->takers, letter);
}

static void check_option(const struct command *command, const struct known_option *option,
			 const char *spelling)
{
	struct outcome outcome;

	PARSE(&outcome, command, spelling, option->value);
	if (!takes(command, option)) {
		/* getopt() prints a letter without its dash. */
		check_error(&outcome, command, spelling[1] == '-' ? spelling : spelling + 1);
	} else if (!strcmp(option->name, "--help")) {
		assert_int_equal(outcome.result, 1);
		assert_string_equal(outcome.err, "");
		assert_true(strlen(outcome.out) > 100);
	} else {
		check_success(&outcome);
		assert_int_equal(outcome.options.argument_cnt, 0);
	}
}

static void test_each_command_takes_what_it_should(void **state)
{
	(void)state;
	for (size_t c = 0; c < ARRAY_SIZE(commands); c++)
		for (size_t i = 0; i < ARRAY_SIZE(known_options); i++) {
			check_option(commands[c], &known_options[i], known_options[i].name);
			if (known_options[i].letter)
				check_option(commands[c], &known_options[i],
					     known_options[i].letter);
		}
	log__set_verbose(false);
}

static void test_defaults(void **state)
{
	struct outcome outcome;

	(void)state;
	for (size_t c = 0; c < ARRAY_SIZE(commands); c++) {
		PARSE(&outcome, commands[c]);
		check_success(&outcome);
		assert_int_equal(outcome.options.pid, 0);
		assert_true(outcome.options.trace.pace.interval_s == 5);
		assert_true(outcome.options.trace.duration_s == 0);
		assert_int_equal(outcome.options.trace.mode, TRACE_WATCH);
		assert_true(outcome.options.trace.pace.budget == 0.02);
		assert_false(options__is_given(&outcome.options, OPTION_BUDGET));
		assert_false(options__writer(&outcome.options) == &report_writer_json ||
			     outcome.options.snapshot.findings.with_map ||
			     outcome.options.snapshot.reading.pause ||
			     outcome.options.trace.no_cache);
		assert_true(outcome.options.snapshot.findings.below == 0.10);
		assert_int_equal(outcome.options.snapshot.findings.blocks_per_arena_max, 32);
		assert_int_equal(outcome.options.snapshot.reading.max_memory_bytes,
				 memory_limit__default(""));
		assert_int_equal(outcome.options.trace.stacks, STACKS_PYTHON);
		assert_int_equal(outcome.options.trace.sample_bytes, 16 * KIB);
		assert_ptr_equal(options__writer(&outcome.options), &report_writer_text);
		assert_int_equal(outcome.options.output.value, PROFILE_LIVE_BYTES);
		assert_null(outcome.options.output.path);
		assert_int_equal(outcome.options.argument_cnt, 0);
	}
}

static void test_values(void **state)
{
	struct outcome outcome;

	(void)state;
	PARSE(&outcome, &command_trace, "--pid", "17", "--interval=250ms", "--duration", "1.5h",
	      "--mode=watch", "--json", "--map", "--pause", "--below", "0.5%", "--blocks", "0",
	      "--max-memory", "1.5G", "--no-cache");
	check_success(&outcome);
	assert_int_equal(outcome.options.pid, 17);
	assert_true(outcome.options.trace.pace.interval_s == 0.25);
	assert_true(outcome.options.trace.duration_s == 5400);
	assert_int_equal(outcome.options.trace.mode, TRACE_WATCH);
	assert_true(options__writer(&outcome.options) == &report_writer_json &&
		    outcome.options.snapshot.findings.with_map &&
		    outcome.options.snapshot.reading.pause && outcome.options.trace.no_cache);
	assert_true(outcome.options.snapshot.findings.below == 0.005);
	assert_int_equal(outcome.options.snapshot.findings.blocks_per_arena_max, 0);
	assert_int_equal(outcome.options.snapshot.reading.max_memory_bytes, 1536 * KIB * KIB);

	PARSE(&outcome, &command_trace, "--budget", "0.5%");
	check_success(&outcome);
	assert_true(outcome.options.trace.pace.budget == 0.005);
	assert_true(options__is_given(&outcome.options, OPTION_BUDGET));

	PARSE(&outcome, &command_trace, "--stacks", "none", "--sample-bytes", "64K");
	check_success(&outcome);
	assert_int_equal(outcome.options.trace.stacks, STACKS_NONE);
	assert_int_equal(outcome.options.trace.sample_bytes, 64 * KIB);

	PARSE(&outcome, &command_trace, "--stacks=none", "--stacks=python", "--sample-bytes=0");
	check_success(&outcome);
	assert_int_equal(outcome.options.trace.stacks, STACKS_PYTHON);
	assert_int_equal(outcome.options.trace.sample_bytes, 0);

	PARSE(&outcome, &command_trace, "-p17", "-i", "1", "-d2m", "--mode", "full");
	check_success(&outcome);
	assert_int_equal(outcome.options.pid, 17);
	assert_true(outcome.options.trace.pace.interval_s == 1);
	assert_true(outcome.options.trace.duration_s == 120);
	assert_int_equal(outcome.options.trace.mode, TRACE_FULL);

	/* The last one wins. */
	PARSE(&outcome, &command_trace, "-p", "1", "--mode", "watch", "-p", "2", "--mode", "full");
	check_success(&outcome);
	assert_int_equal(outcome.options.pid, 2);
	assert_int_equal(outcome.options.trace.mode, TRACE_FULL);
}

/* The limits of each range, and the values just beyond. */
static void test_bounds(void **state)
{
	static const struct {
		const char *option, *value;
		bool good;
	} cases[] = {
		{"--pid", "1", true},
		{"--pid", "2147483647", true},
		{"--pid", "0", false},
		{"--pid", "-1", false},
		{"--pid", "2147483648", false},
		{"--pid", "4294967297", false},
		{"--pid", "18446744073709551617", false},
		{"--interval", "10ms", true},
		{"--interval", "0.01", true},
		{"--interval", "9.99ms", false},
		{"--interval", "0", false},
		{"--interval", "366d", true},
		{"--interval", "366.1d", false},
		{"--duration", "1ms", true},
		{"--duration", "0", false},
		{"--duration", "366d", true},
		{"--duration", "366.1d", false},
		{"--budget", "0", true},
		{"--budget", "100", true},
		{"--budget", "101", false},
		{"--budget", "-1", false},
		{"--below", "0", true},
		{"--below", "100", true},
		{"--below", "100.1", false},
		{"--blocks", "0", true},
		{"--blocks", "1000000", true},
		{"--blocks", "1000001", false},
		{"--blocks", "-1", false},
		{"--blocks", "4294967296", false},
		{"--by", "type", true},
		{"--by", "colour", false},
		{"--top", "1", true},
		{"--top", "0", false},
		{"--top", "1000001", false},
		{"--max-memory", "0", false},
		{"--max-memory", "1", true},
		{"--max-memory", "1048576T", true},
		{"--max-memory", "1048577T", false},
		{"--max-cpu", "9ms", false},
		{"--max-cpu", "10ms", true},
		{"--max-cpu", "365d", true},
		{"--max-cpu", "366.1d", false},
		{"--sample-bytes", "0", true},
		{"--sample-bytes", "1", true},
		{"--sample-bytes", "1GiB", true},
		{"--sample-bytes", "1073741825", false},
		{"--sample-bytes", "-1", false},
	};
	struct outcome outcome;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool is_census =
			!strcmp(cases[i].option, "--by") || !strcmp(cases[i].option, "--top");
		const struct command *command = is_census ? &command_snapshot : &command_trace;

		PARSE(&outcome, command, cases[i].option, cases[i].value);
		if (cases[i].good) {
			check_success(&outcome);
		} else {
			check_error(&outcome, command, cases[i].option);
			check_error(&outcome, command, cases[i].value);
		}
	}
}

static void test_rows(void **state)
{
	static const char *const names[] = {"type", "owner", "size", "arena", "referrers", "via"};
	struct outcome outcome;

	(void)state;
	PARSE(&outcome, &command_snapshot, "--by", "colour");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		check_error(&outcome, &command_snapshot, names[i]);
}

static void test_no_numbers(void **state)
{
	static const char *const words[] = {
		"", " ", "x", "1x", "1 x", "0x10", "1e3", "nan", "inf", "--", "-", "1,5", "%", "½",
	};
	static const char *const options[] = {
		"--pid",    "--interval",   "--duration", "--mode",   "--below",
		"--blocks", "--max-memory", "--max-cpu",  "--stacks", "--sample-bytes",
	};
	struct outcome outcome;

	(void)state;
	for (size_t o = 0; o < ARRAY_SIZE(options); o++)
		for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
			PARSE(&outcome, &command_trace, options[o], words[i]);
			check_error(&outcome, &command_trace, options[o]);
			check_error(&outcome, &command_trace, words[i]);
		}
}

static void test_modes(void **state)
{
	static const char *const bad[] = {"", "FULL", "full ", "ful", "watching", "full,watch"};
	struct outcome outcome;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		PARSE(&outcome, &command_trace, "--mode", bad[i]);
		check_error(&outcome, &command_trace, "watch or full");
	}
}

static void test_stacks(void **state)
{
	static const char *const bad[] = {"",	     "None",   "none ",	     "non",
					  "pythons", "native", "python,none"};
	struct outcome outcome;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		PARSE(&outcome, &command_trace, "--stacks", bad[i]);
		check_error(&outcome, &command_trace, "python or none");
		check_untouched(&outcome);
	}
}

static void test_unknown_options(void **state)
{
	struct outcome outcome;

	(void)state;
	for (size_t c = 0; c < ARRAY_SIZE(commands); c++) {
		PARSE(&outcome, commands[c], "--frobnicate");
		check_error(&outcome, commands[c], "frobnicate");
		PARSE(&outcome, commands[c], "-Z");
		check_error(&outcome, commands[c], "Z");
		PARSE(&outcome, commands[c], "--pidx=1");
		check_error(&outcome, commands[c], "pidx");
	}
}

static void test_missing_and_surplus_values(void **state)
{
	struct outcome outcome;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known_options); i++) {
		const struct known_option *option = &known_options[i];
		char with_value[32];

		if (option->value) {
			PARSE(&outcome, &command_trace, option->name);
			check_error(&outcome, &command_trace, option->name);
		} else {
			snprintf(with_value, sizeof(with_value), "%s=1", option->name);
			PARSE(&outcome, &command_trace, with_value);
			check_error(&outcome, &command_trace, option->name);
		}
	}
	PARSE(&outcome, &command_trace, "-p");
	check_error(&outcome, &command_trace, "p");
}

/* An option may be given without a value; then the next option is not its value. */
static void test_optional_value(void **state)
{
	struct outcome outcome;

	(void)state;
	PARSE(&outcome, &command_snapshot, "-p", "17");
	assert_int_equal(outcome.options.snapshot.census.retained, 0);
	PARSE(&outcome, &command_snapshot, "--retained", "-p", "17");
	check_success(&outcome);
	assert_int_equal(outcome.options.snapshot.census.retained, RETAINED_DEPTH);
	assert_int_equal(outcome.options.pid, 17);
	PARSE(&outcome, &command_snapshot, "-p", "17", "--retained");
	check_success(&outcome);
	assert_int_equal(outcome.options.snapshot.census.retained, RETAINED_DEPTH);
	PARSE(&outcome, &command_snapshot, "--retained", "7", "-p", "17");
	check_success(&outcome);
	assert_int_equal(outcome.options.snapshot.census.retained, 7);
	assert_int_equal(outcome.options.argument_cnt, 0);
	PARSE(&outcome, &command_snapshot, "--retained=8", "word");
	check_success(&outcome);
	assert_int_equal(outcome.options.snapshot.census.retained, 8);
	assert_int_equal(outcome.options.argument_cnt, 1);
	PARSE(&outcome, &command_snapshot, "--retained=0");
	check_error(&outcome, &command_snapshot, "retained");
	PARSE(&outcome, &command_snapshot, "--retained", "101");
	check_error(&outcome, &command_snapshot, "retained");
	PARSE(&outcome, &command_snapshot, "--retained=deep");
	check_error(&outcome, &command_snapshot, "retained");
}

/* Everything after the first argument is passed on, options or not. */
static void test_arguments(void **state)
{
	struct outcome outcome;

	(void)state;
	PARSE(&outcome, &command_trace, "--json", "--", "python3", "-p", "5", "--", "--help");
	check_success(&outcome);
	assert_true(options__writer(&outcome.options) == &report_writer_json);
	assert_int_equal(outcome.options.pid, 0);
	assert_int_equal(outcome.options.argument_cnt, 5);
	assert_ptr_equal(outcome.options.arguments, &outcome.argv[3]);
	assert_string_equal(outcome.options.arguments[0], "python3");
	assert_string_equal(outcome.options.arguments[1], "-p");
	assert_string_equal(outcome.options.arguments[3], "--");
	assert_null(outcome.options.arguments[5]);

	PARSE(&outcome, &command_trace, "python3", "--frobnicate", "-h");
	check_success(&outcome);
	assert_int_equal(outcome.options.argument_cnt, 3);
	assert_string_equal(outcome.options.arguments[1], "--frobnicate");

	PARSE(&outcome, &command_trace, "--", "--json");
	check_success(&outcome);
	assert_false(options__writer(&outcome.options) == &report_writer_json);
	assert_string_equal(outcome.options.arguments[0], "--json");

	PARSE(&outcome, &command_trace, "--");
	check_success(&outcome);
	assert_int_equal(outcome.options.argument_cnt, 0);
	assert_null(outcome.options.arguments[0]);

	PARSE(&outcome, &command_trace, "-p", "5", "", "-");
	check_success(&outcome);
	assert_int_equal(outcome.options.argument_cnt, 2);
	assert_string_equal(outcome.options.arguments[0], "");
	assert_string_equal(outcome.options.arguments[1], "-");
}

/* The option of that name if the command accepts it, else NULL. */
static const struct known_option *find_option(const struct command *command, const char *name,
					      size_t length)
{
	for (size_t i = 0; i < ARRAY_SIZE(known_options); i++)
		if (strlen(known_options[i].name) == length &&
		    !strncmp(name, known_options[i].name, length) &&
		    takes(command, &known_options[i]))
			return &known_options[i];
	return NULL;
}

/* No help text mentions options that only other commands accept. */
static void check_options_named(const struct command *command, const char *text)
{
	for (const char *at = strstr(text, " --"); at; at = strstr(at, " --")) {
		size_t length = strspn(++at + 2, "abcdefghijklmnopqrstuvwxyz-") + 2;

		/* A lone "--" separates a command. */
		if (length != 2 && !find_option(command, at, length))
			fail_msg("%s --help speaks of %.*s", command->name, (int)length, at);
	}
}

/* Each line of "Options:" is an option that the command accepts, and none is missing. */
static void check_help(const struct command *command, char *text)
{
	char *line, *rest = strstr(text, "\nOptions:\n");
	size_t expected = 0, listed = 0;

	assert_non_null(rest);
	rest += strlen("\nOptions:\n");
	for (size_t i = 0; i < ARRAY_SIZE(known_options); i++)
		expected += takes(command, &known_options[i]);
	while ((line = strsep(&rest, "\n")) && *line) {
		const struct known_option *found;
		char *name = strstr(line, "--"), *after = name ? strchr(name, ' ') : NULL;

		assert_true(strlen(line) <= 100);
		/* The continuation of the description above. */
		if (strspn(line, " ") == 31)
			continue;
		assert_non_null(after);
		found = find_option(command, name, (size_t)(after - name));
		if (!found)
			fail_msg("%s --help lists: %s", command->name, line);
		assert_true(!found->letter || !strncmp(line + 2, found->letter, 2));
		/*
		 * A value is in capitals or a list of choices, and all descriptions begin in one
		 * column.
		 */
		assert_int_equal(after[1] != ' ', found->value != NULL);
		assert_true(line[30] == ' ' && line[31] != ' ' && line[31]);
		listed++;
	}
	assert_int_equal(listed, expected);
}

/* Joins each option and its description into one line. */
static void join_lines(char *text)
{
	char *to = text;

	for (const char *from = text; *from;) {
		size_t indent = *from == '\n' ? strspn(from + 1, " ") : 0;

		*to++ = indent == 31 ? ' ' : *from;
		from += indent == 31 ? 1 + indent : 1;
	}
	*to = '\0';
}

static void test_help(void **state)
{
	struct outcome outcome, directly;
	char usage[64];

	(void)state;
	for (size_t c = 0; c < ARRAY_SIZE(commands); c++) {
		struct redirection out;

		snprintf(usage, sizeof(usage), "Usage: pyfrag %s ", commands[c]->name);
		PARSE(&outcome, commands[c], "--help");
		assert_int_equal(outcome.result, 1);
		assert_string_equal(outcome.err, "");
		assert_memory_equal(outcome.out, usage, strlen(usage));
		redirect(&out, stdout);
		command__print_help(commands[c]);
		restore(&out, directly.out, sizeof(directly.out));
		assert_string_equal(directly.out, outcome.out);
		check_options_named(commands[c], outcome.out);
		check_help(commands[c], outcome.out);
		PARSE(&outcome, commands[c], "-h");
		assert_int_equal(outcome.result, 1);
		assert_string_equal(directly.out, outcome.out);
		assert_true(strlen(commands[c]->summary) > 0);
	}
	/* The defaults that it states are those of test_defaults(). */
	PARSE(&outcome, &command_trace, "--help");
	join_lines(outcome.out);
	assert_non_null(strstr(outcome.out, "(default 5)"));
	assert_non_null(strstr(outcome.out, "(default 10%)"));
	assert_non_null(strstr(outcome.out, "(default 32)"));
	assert_non_null(strstr(outcome.out, "(default 1GiB, or half of the limit of"));
	assert_non_null(strstr(outcome.out, "every allocation and free (default watch)"));
	/* It does not mention what applies to other commands only. */
	assert_non_null(strstr(outcome.out, "exit with status 2"));
	assert_non_null(strstr(outcome.out, "the process's CPU time"));
	PARSE(&outcome, &command_agent, "--help");
	join_lines(outcome.out);
	assert_null(strstr(outcome.out, "exit with status 2"));
	assert_null(strstr(outcome.out, "the process's CPU time"));
	PARSE(&outcome, &command_snapshot, "--help");
	assert_null(strstr(outcome.out, "profile"));
}

/* An error before --help is reported first; what follows --help does not matter. */
static void test_help_and_errors(void **state)
{
	struct outcome outcome;

	(void)state;
	PARSE(&outcome, &command_trace, "--blocks", "x", "--help");
	check_error(&outcome, &command_trace, "--blocks");
	PARSE(&outcome, &command_trace, "--help", "--blocks", "x");
	assert_int_equal(outcome.result, 1);
	assert_string_equal(outcome.err, "");
}

static void run(struct outcome *outcome, const struct command *command)
{
	struct redirection out, err;

	redirect(&out, stdout);
	redirect(&err, stderr);
	outcome->result = command->run(&outcome->options);
	restore(&err, outcome->err, sizeof(outcome->err));
	restore(&out, outcome->out, sizeof(outcome->out));
}

/* Options that are valid each, but not together: no process, or two targets. */
static void test_conflicts(void **state)
{
	static const struct {
		const struct command *command;
		const char *words[7];
		const char *what, *fix;
	} cases[] = {
		{&command_trace, {NULL}, "trace", "-p PID"},
		{&command_trace, {"--"}, "trace", "-- CMD"},
		{&command_trace, {"-p", "2147483647", "true"}, "trace", "only one of -p PID, -a"},
		{&command_trace, {"-p", "2147483647", "-a"}, "trace", "only one of -p PID, -a"},
		{&command_trace, {"-a", "true"}, "trace", "only one of -p PID, -a"},
		{&command_trace, {"-p2", "--value", "growth"}, "--value", "--format collapsed"},
		{&command_trace,
		 {"-p2", "--value=growth", "--format", "pprof", "-o", "x"},
		 "--value",
		 "--format collapsed"},
		{&command_trace, {"-p2", "--json", "--format=text"}, "--json", "leave out one"},
		{&command_trace,
		 {"-p2", "--format=collapsed", "--map"},
		 "--map",
		 "leave out this option"},
		{&command_trace, {"-p2", "--format=collapsed", "--blocks=1"}, "--blocks", "leave"},
		{&command_trace, {"-p2", "--alert-to", "exec:true"}, "--alert-to", "--alert"},
		{&command_trace, {"-a", "--pause"}, "--pause", "-p PID"},
		{&command_trace, {"-a", "--map"}, "--map", "-p PID"},
		{&command_trace, {"-a", "--sample-bytes=0"}, "--sample-bytes", "-p PID"},
		{&command_trace, {"-a", "--stacks=none"}, "--stacks", "-p PID"},
		{&command_snapshot, {"-p2", "--json", "-o", "x"}, "--json", "leave out one"},
		{&command_snapshot, {"-p2", "--map", "-o", "x"}, "--map", "leave out one"},
		{&command_snapshot, {"-p2", "--by=type", "-o", "x"}, "--by", "leave out one"},
		{&command_snapshot, {"-p2", "--paths", "-o", "x"}, "--paths", "leave out one"},
		{&command_snapshot, {"-p2", "--since=y", "-o", "x"}, "--since", "leave out one"},
		{&command_snapshot, {"-p2", "--top=3"}, "--top", "--by"},
		{&command_snapshot, {"-p2", "--timeout=3"}, "--timeout", "--since"},
		{&command_snapshot, {NULL}, "snapshot", "-p PID"},
		{&command_sites, {NULL}, "sites", "-p PID"},
		{&command_sites, {"a", "b"}, "sites", "one file"},
		{&command_sites, {"-p", "2147483647", "a"}, "sites", "one file"},
		{&command_doctor, {"surplus"}, "'surplus'", "--help"},
	};
	struct outcome outcome;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		PARSE(&outcome, cases[i].command, cases[i].words[0], cases[i].words[1],
		      cases[i].words[2], cases[i].words[3], cases[i].words[4], cases[i].words[5]);
		check_success(&outcome);
		run(&outcome, cases[i].command);
		assert_int_equal(outcome.result, -EINVAL);
		check_message(&outcome, cases[i].what, cases[i].fix);
	}
	/* A process was given; the error is the surplus argument. */
	PARSE(&outcome, &command_snapshot, "-p", "2147483647", "surplus");
	check_success(&outcome);
	run(&outcome, &command_snapshot);
	assert_int_equal(outcome.result, -EINVAL);
	check_message(&outcome, "surplus", "pyfrag snapshot --help");
}

static void test_options_stay_on_failure(void **state)
{
	struct outcome outcome;

	(void)state;
	PARSE(&outcome, &command_trace, "--json", "--blocks", "x");
	check_untouched(&outcome);
	PARSE(&outcome, &command_trace, "--interval", "1ms");
	check_untouched(&outcome);
	PARSE(&outcome, &command_trace, "--frobnicate");
	check_untouched(&outcome);
	PARSE(&outcome, &command_trace, "-p");
	check_untouched(&outcome);
}

/*
 * A pasted line may contain anything; it is quoted in one line that contains no control characters.
 */
static void test_hostile_words(void **state)
{
	struct outcome outcome;

	(void)state;
	PARSE(&outcome, &command_trace, "-p", "1\n2");
	check_error(&outcome, &command_trace, "--pid");
	PARSE(&outcome, &command_trace, "--mode", "\033]0;owned\007");
	check_error(&outcome, &command_trace, "--mode");
	PARSE(&outcome, &command_trace, "--a\nb");
	check_error(&outcome, &command_trace, "--a");
}

/* A destination may contain a secret, so it is not quoted. */
static void test_too_many_destinations(void **state)
{
	static const char *const to = "exec:secret";
	struct outcome outcome;

	(void)state;
	_Static_assert(ALERT_DESTINATIONS_MAX == 8, "one less than below");
	PARSE(&outcome, &command_trace, "--alert-to", to, "--alert-to", to, "--alert-to", to,
	      "--alert-to", to, "--alert-to", to, "--alert-to", to, "--alert-to", to, "--alert-to",
	      to, "--alert-to", to);
	check_error(&outcome, &command_trace, "--alert-to can be given at most 8 times");
	assert_null(strstr(outcome.err, "secret"));
}

/* However long a word is, the advice after it stays readable. */
static void test_long_words(void **state)
{
	static char word[5000];
	struct outcome outcome;

	(void)state;
	memset(word, '7', sizeof(word) - 1);
	PARSE(&outcome, &command_trace, "--pid", word);
	check_error(&outcome, &command_trace, "--pid");
}

static void put_config(const char *path, const char *text)
{
	_cleanup_fclose_ FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
}

/* The agent reads its configuration at each SIGHUP, and may run for years. */
static void test_configuration_is_released(void **state)
{
	static const char good[] = "alert = pinned_bytes > 1\nuser = root\nmatch = x\n",
			  bad[] = "alert = pinned_bytes > 1\nuser = root\ninterval = x\n",
			  unknown[] = "user = root\nnothing = 1\n";
	char path[] = "/tmp/test_options.XXXXXX";
	int fd = mkstemp(path);
	struct outcome outcome;
	size_t before = 0;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	for (int i = 0; i < 20; i++) {
		put_config(path, good);
		PARSE(&outcome, &command_agent, "--config", path);
		check_success(&outcome);
		assert_string_equal(outcome.options.filter.user, "root");
		assert_string_equal(outcome.options.alerting.rules.texts[0], "pinned_bytes > 1");
		options__release(&outcome.options);
		put_config(path, bad);
		PARSE(&outcome, &command_agent, "--config", path);
		assert_int_equal(outcome.result, -EINVAL);
		check_untouched(&outcome);
		put_config(path, unknown);
		PARSE(&outcome, &command_agent, "--config", path);
		assert_int_equal(outcome.result, -EINVAL);
		/* With a sanitizer both are 0; it looks for leaks itself. */
		if (!i)
			before = mallinfo2().uordblks;
		assert_int_equal(mallinfo2().uordblks, before);
	}
	unlink(path);
}

/* The line is named; that it has not the form NAME = VALUE is said only if that is the error. */
static void test_errors_of_a_configuration(void **state)
{
	static const struct {
		const char *text, *wanted, *unwanted;
	} cases[] = {
		{"user = root\ninterval = x\n", "'x' is not a time", "expected NAME"},
		{"user = root\nnothing = 1\n", "unknown option 'nothing'", "expected NAME"},
		{"user = root\ninterval\n", "line 2: expected NAME = VALUE", "first error"},
	};
	char path[] = "/tmp/test_options.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct outcome outcome;

		put_config(path, cases[i].text);
		PARSE(&outcome, &command_agent, "--config", path);
		assert_int_equal(outcome.result, -EINVAL);
		assert_non_null(strstr(outcome.err, cases[i].wanted));
		assert_non_null(strstr(outcome.err, "line 2"));
		assert_null(strstr(outcome.err, cases[i].unwanted));
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_command_takes_what_it_should),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_no_numbers),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_stacks),
		cmocka_unit_test(test_unknown_options),
		cmocka_unit_test(test_missing_and_surplus_values),
		cmocka_unit_test(test_optional_value),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_help_and_errors),
		cmocka_unit_test(test_conflicts),
		cmocka_unit_test(test_options_stay_on_failure),
		cmocka_unit_test(test_hostile_words),
		cmocka_unit_test(test_too_many_destinations),
		cmocka_unit_test(test_long_words),
		cmocka_unit_test(test_configuration_is_released),
		cmocka_unit_test(test_errors_of_a_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
