// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/option_table.h"

#include "util/cleanup.h"

/* Defines a function that maps numbers to the words of an array. */
#define WORDS(function, ...)                                                                       \
	static const char *function(size_t number)                                                 \
	{                                                                                          \
		static const char *const words[] = {__VA_ARGS__};                                  \
                                                                                                   \
		return number < ARRAY_SIZE(words) ? words[number] : NULL;                          \
	}

WORDS(mode_word, [TRACE_WATCH] = "watch", [TRACE_FULL] = "full")
WORDS(stacks_word, [STACKS_PYTHON] = "python", [STACKS_NONE] = "none")
static const char *format_word(size_t number)
{
	const struct report_writer *writer = report_writers__at(number);

	return writer ? writer->name : NULL;
}

static const char *format_help(size_t number)
{
	return report_writers__at(number)->summary;
}

static const char *value_word(size_t number)
{
	return number < PROFILE_VALUE_CNT ? profile_value_types[number].name : NULL;
}

static const char *by_word(size_t number)
{
	return number < CENSUS_BY_CNT ? census_by_names[number] : NULL;
}

/* The offset of @member; fails to compile if the member does not have this type. */
#define OF_TYPE(type, member)                                                                      \
	(offsetof(struct options, member) +                                                        \
	 0 * sizeof((type *)NULL == &((struct options *)NULL)->member))

#define FLAG(member)	.kind = OPTION_FLAG, .offset = OF_TYPE(bool, member)
#define TEXT(member)	.kind = OPTION_TEXT, .offset = OF_TYPE(const char *, member)
#define LIST(member)	.kind = OPTION_LIST, .offset = OF_TYPE(struct text_list, member)
#define WORD(member, f) .kind = OPTION_WORD, .offset = offsetof(struct options, member), .word = (f)
#define NUMBER(member)	.kind = OPTION_NUMBER, .offset = OF_TYPE(uint32_t, member)
#define BYTES(member)	.kind = OPTION_BYTES, .offset = OF_TYPE(uint64_t, member)
#define SECONDS(member) .kind = OPTION_SECONDS, .offset = OF_TYPE(double, member)
#define SHARE(member)	.kind = OPTION_SHARE, .offset = OF_TYPE(double, member)
#define ADDRESS(member) .kind = OPTION_ADDRESS, .offset = OF_TYPE(uint64_t, member)
#define ACTION		.kind = OPTION_ACTION

static const struct option_row rows[] = {
	{OPTION_PID, "pid", 'p', "PID", "process ID", .kind = OPTION_NUMBER,
	 .offset = OF_TYPE(pid_t, pid), .min = "1", .max = "2147483647", .wanted = "a process ID"},
	{OPTION_ALL, "all", 'a', NULL,
	 "trace all Python processes on this host, including those that start later", FLAG(all)},
	{OPTION_COMM, "comm", 0, "NAME", "with --all: only processes with this name",
	 TEXT(filter.comm)},
	{OPTION_USER, "user", 0, "USER", "with --all: only processes of this user",
	 TEXT(filter.user)},
	{OPTION_CGROUP, "cgroup", 0, "TEXT",
	 "with --all: only processes whose cgroup path contains TEXT", TEXT(filter.cgroup)},
	{OPTION_MATCH, "match", 0, "REGEX",
	 "with --all: only processes whose command line matches REGEX (POSIX extended regular "
	 "expression)",
	 TEXT(filter.match)},
	{OPTION_ALERT, "alert", 0, "RULE",
	 "log an alert when RULE becomes true, and exit with status 2 at the end of the trace; for "
	 "example 'pinned_bytes > 64MiB for 60s'; up to " TEXT_OF(ALERT_RULES_MAX) " times",
	 LIST(alerting.rules), .max = TEXT_OF(ALERT_RULES_MAX)},
	{OPTION_ALERT_TO, "alert-to", 0, "DESTINATION",
	 "also send alerts to DESTINATION: http://HOST:PORT (Alertmanager) or exec:COMMAND "
	 "(receives each alert as JSON on stdin); up to " TEXT_OF(ALERT_DESTINATIONS_MAX) " times",
	 LIST(alerting.to), .max = TEXT_OF(ALERT_DESTINATIONS_MAX)},
	{OPTION_SITES, "sites", 0, "N",
	 "with --all: report the N allocation sites that hold back the most memory of pinned "
	 "arenas (N: up to " TEXT_OF(PIN_SUMMARY_MAX) "); probes up to 4 processes at a time",
	 NUMBER(sites), .max = TEXT_OF(PIN_SUMMARY_MAX), .preset = "0"},
	{OPTION_CONFIG, "config", 0, "FILE",
	 "read options from FILE, one per line: NAME = VALUE; options that follow --config on the "
	 "command line override them",
	 ACTION},
	{OPTION_LISTEN, "listen", 0, "HOST:PORT", "address to listen on", TEXT(serving.listen),
	 .preset = "127.0.0.1:9876"},
	{OPTION_TOKEN_FILE, "token-file", 0, "FILE",
	 "require a bearer token: the first line of FILE (Authorization: Bearer TOKEN); FILE must "
	 "not be accessible to other users (chmod 600)",
	 TEXT(serving.token_file)},
	{OPTION_NO_TOKEN, "no-token", 0, NULL,
	 "serve without a token even on an address that other hosts can reach",
	 FLAG(serving.no_token)},
	{OPTION_COMMAND_LINES, "command-lines", 0, NULL,
	 "include command lines of processes in reports; they can contain secrets",
	 FLAG(serving.command_lines)},
	{OPTION_INTERVAL, "interval", 'i', "SECONDS",
	 "time between reports, for example 500ms, 10m, 1h", SECONDS(trace.pace.interval_s),
	 .min = "10ms", .max = "366d", .preset = "5"},
	{OPTION_DURATION, "duration", 'd', "SECONDS", "duration of the trace, for example 10m, 1h",
	 /* A shorter time might round to 0, which disables a timer. */
	 SECONDS(trace.duration_s), .min = "0.001ms", .max = "366d", .preset_is = "until Ctrl-C"},
	{OPTION_MODE, "mode", 0, "watch|full",
	 "watch: record what the budget allows; full: record every allocation and free",
	 WORD(trace.mode, mode_word), .preset = "watch"},
	{OPTION_BUDGET, "budget", 0, "PERCENT",
	 "limit on the overhead of mode watch, as a share of the process's CPU time (0: only "
	 "the rare probes, such as those where arenas are mapped); with --all: share of one core "
	 "for finding and reading processes",
	 SHARE(trace.pace.budget), .preset = "2%"},
	{OPTION_STACKS, "stacks", 0, "python|none",
	 "stacks to record with allocations and heap growth: python, or none",
	 WORD(trace.stacks, stacks_word), .preset = "python"},
	{OPTION_SAMPLE_BYTES, "sample-bytes", 0, "SIZE",
	 "mean sampling interval: one allocation is sampled per SIZE allocated bytes; 0: every "
	 "allocation is sampled",
	 BYTES(trace.sample_bytes), .min = "0", .max = "1GiB", .preset = "16KiB"},
	{OPTION_FORMAT, "format", 0, "FORMAT", "output format: ", WORD(output.format, format_word),
	 .word_help = format_help, .preset = "text"},
	{OPTION_VALUE, "value", 0, "VALUE",
	 "number written with each collapsed stack: live_bytes, live_blocks, hostage_bytes, or "
	 "growth (bytes of the pools taken there, or of the arenas if no pools were recorded)",
	 WORD(output.value, value_word), .preset = "live_bytes"},
	{OPTION_OUTPUT, "output", 'o', "FILE",
	 "write the profile (default: stdout) or the database to FILE", TEXT(output.path)},
	{OPTION_JSON, "json", 0, NULL,
	 "write each report as one line of JSON (docs/report.schema.json)",
	 WORD(output.format, format_word), .stands_for = "json"},
	{OPTION_MAP, "map", 0, NULL,
	 "draw maps of Python's heap and of malloc's heaps, one character per sector (equal piece "
	 "of the address range); in the former: ' ' free, '-' partly used, '*' fully used",
	 FLAG(snapshot.findings.with_map)},
	{OPTION_PAUSE, "pause", 0, NULL, "stop the process while its heap is read",
	 FLAG(snapshot.reading.pause)},
	{OPTION_SWAPPED, "swapped", 0, NULL,
	 "also read memory that is swapped out; this brings it back into RAM, charged to the "
	 "cgroup of the process",
	 FLAG(snapshot.reading.swapped)},
	{OPTION_BELOW, "below", 0, "PERCENT",
	 "count an arena with live blocks as pinned if its occupancy is below PERCENT",
	 SHARE(snapshot.findings.below), .preset = "10%"},
	{OPTION_BLOCKS, "blocks", 0, "N",
	 "list at most N blocks per pinned arena (a text report lists at most 3)",
	 NUMBER(snapshot.findings.blocks_per_arena_max), .max = "1000000", .preset = "32"},
	{OPTION_BY, "by", 0, "WHAT",
	 "group the live blocks by WHAT: type; owner (as type, but the __dict__ of an instance "
	 "counts under its class); size; arena; referrers (types of the objects that refer to "
	 "them); via (attributes, keys and indexes that refer to them)",
	 WORD(snapshot.census.by, by_word)},
	{OPTION_TOP, "top", 0, "N", "with --by or --since: show at most N groups of blocks",
	 NUMBER(snapshot.census.top), .min = "1", .max = "1000000", .preset = "20"},
	{OPTION_PATHS, "paths", 0, NULL,
	 "show what keeps the pinning blocks alive: for each, the shortest reference path from a "
	 "root (module, variable, ...)",
	 FLAG(snapshot.census.with_paths)},
	{OPTION_RETAINED, "retained", 0, "[DEPTH]",
	 "show what holds the memory in use: a tree of paths with what each of them retains, DEPTH "
	 "levels of it (default " TEXT_OF(RETAINED_DEPTH) ")",
	 NUMBER(snapshot.census.retained), .min = "1", .max = "100",
	 .implied = TEXT_OF(RETAINED_DEPTH)},
	{OPTION_OBJECT, "object", 0, "ADDRESS",
	 "show all about the object at ADDRESS, or the one whose buffer lies there; ADDRESS can "
	 "lie anywhere in the block",
	 ADDRESS(snapshot.census.object)},
	{OPTION_ARENA, "arena", 0, "ADDRESS",
	 "list the live blocks of the arena that contains ADDRESS, and what keeps them alive",
	 ADDRESS(snapshot.census.arena)},
	{OPTION_SINCE, "since", 0, "FILE",
	 "leave out blocks that are also in FILE, an earlier database of the same process",
	 TEXT(snapshot.census.since)},
	{OPTION_NO_VALUES, "no-values", 0, NULL,
	 "leave out the program's data (strings, numbers, dict keys) and its command line",
	 FLAG(snapshot.census.no_values)},
	{OPTION_MAX_MEMORY, "max-memory", 0, "SIZE",
	 "limit on the memory that pyfrag uses per process",
	 BYTES(snapshot.reading.max_memory_bytes), .min = "1", .wanted = "a size, such as 512MiB",
	 .preset_is = "1GiB, or half of the limit of pyfrag's cgroup if that is less"},
	{OPTION_MAX_CPU, "max-cpu", 0, "SECONDS",
	 "CPU time limit for reading a process once (default 20, plus 100 for each GiB of its "
	 "anonymous memory)",
	 SECONDS(snapshot.reading.max_cpu_s), .min = "10ms", .max = "366d"},
	{OPTION_TIMEOUT, "timeout", 0, "SECONDS",
	 "CPU time limit for all database queries of this command, for example 10m",
	 SECONDS(snapshot.reading.database_cpu_s), .min = "10ms", .max = "366d", .preset = "60"},
	{OPTION_NO_CACHE, "no-cache", 0, NULL,
	 "ignore the cache of probe sites and scan the code again", FLAG(trace.no_cache)},
	{OPTION_VERBOSE, "verbose", 'v', NULL, "log progress on stderr", ACTION},
	{OPTION_HELP, "help", 'h', NULL, "show this help", ACTION},
};

_Static_assert(ARRAY_SIZE(rows) < OPTION_TABLE_MAX, "a bit for each");

const struct option_row *option_table__at(size_t place)
{
	return place < ARRAY_SIZE(rows) ? &rows[place] : NULL;
}

const struct option_row *option_table__find(enum option_id id)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].id == id)
			return &rows[i];
	return NULL;
}
