// SPDX-License-Identifier: BSD-2-Clause
/*
 * The daemon. It consists of several processes so that none has all privileges: one reads heaps,
 * which may take long, and another answers requests and sends alerts. See agent/confinement.h.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/broker.h"
#include "agent/namer.h"
#include "agent/reader.h"
#include "agent/runner.h"
#include "agent/server.h"
#include "agent/serving.h"
#include "alerts/alert_destination.h"
#include "cmd/commands.h"
#include "cmd/option_table.h"
#include "util/cleanup.h"
#include "util/end_signals.h"
#include "util/log.h"

/* Share of one core for answering requests, since any client can send them all the time. */
#define SERVING_SHARE 0.1

struct agent {
	const struct options *options;
	struct part parts[PART_CNT];
	struct log_pipe log;
	int signal_fd;
};

static struct reader_config config_of(const struct options *options)
{
	return (struct reader_config){.rules = &options->alerting.rules,
				      .pace = options->trace.pace};
}

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool sends_to_the_same(const struct options *a, const struct options *b)
{
	const struct text_list *to = &a->alerting.to, *others = &b->alerting.to;
	bool same = to->cnt == others->cnt;

	for (uint32_t i = 0; same && i < to->cnt; i++)
		same = is_same(to->texts[i], others->texts[i]);
	return same;
}

/* Logs changed options that take effect only after a restart. Texts may be NULL. */
static void note_what_waits(const struct options *now, const struct options *fresh)
{
	const struct {
		const char *name;
		bool is_same;
	} values[] = {
		{"listen", is_same(now->serving.listen, fresh->serving.listen)},
		{"token-file", is_same(now->serving.token_file, fresh->serving.token_file)},
		{"comm", is_same(now->filter.comm, fresh->filter.comm)},
		{"user", is_same(now->filter.user, fresh->filter.user)},
		{"cgroup", is_same(now->filter.cgroup, fresh->filter.cgroup)},
		{"match", is_same(now->filter.match, fresh->filter.match)},
		{"alert-to", sends_to_the_same(now, fresh)},
		{"sites", now->sites == fresh->sites},
		{"below", now->snapshot.findings.below == fresh->snapshot.findings.below},
		{"blocks", now->snapshot.findings.blocks_per_arena_max ==
				   fresh->snapshot.findings.blocks_per_arena_max},
		{"swapped", now->snapshot.reading.swapped == fresh->snapshot.reading.swapped},
		{"max-memory", now->snapshot.reading.max_memory_bytes ==
				       fresh->snapshot.reading.max_memory_bytes},
		{"max-cpu", now->snapshot.reading.max_cpu_s == fresh->snapshot.reading.max_cpu_s},
	};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (!values[i].is_same)
			log_note("'%s' has changed in the configuration file; restart the agent to "
				 "apply it",
				 values[i].name);
}

/*
 * Runs in the reader: parses the options and their configuration file again, and applies the
 * changes.
 */
static int reload(const void *context, reader_apply_fn *apply, void *reader)
{
	const struct options *options = context;
	_cleanup_(options__release) struct options fresh = {};
	int err = command__parse(&command_agent, options->all_argument_cnt, options->all_arguments,
				 &fresh);
	struct reader_config config = config_of(&fresh);

	if (!err)
		err = apply(reader, &config);
	if (!err)
		note_what_waits(options, &fresh);
	return err;
}

static int open_http(struct http_server **out, http_answer_fn *answer, void *server,
		     const void *context, struct failure *failure)
{
	return serving__open(out, context, answer, server, failure);
}

/* Starts a process that answers requests of the reader, one message at a time. */
static int start_helper(struct agent *agent, int number, const char *name,
			int (*run)(int fd, const void *context), struct failure *failure)
{
	const struct part_options helper = {.name = name,
					    .socket_type = SOCK_SEQPACKET,
					    .stderr_fd = agent->log.write_fd,
					    .run = run};

	return part__start(&agent->parts[number], &helper, failure);
}

/* Only the reader gets the other ends of the helpers' sockets. */
static int start_reader(struct agent *agent, struct failure *failure)
{
	struct part *broker = &agent->parts[PART_BROKER], *namer = &agent->parts[PART_NAMER];
	const struct reader_options options = {.host = options__host(agent->options),
					       .config = config_of(agent->options),
					       .hides_cmdlines =
						       !agent->options->serving.command_lines,
					       .broker_fd = broker->fd,
					       .namer_fd = namer->fd,
					       .reload = reload,
					       .context = agent->options};
	const struct part_options reader = {.name = "reader",
					    .socket_type = SOCK_STREAM,
					    .stderr_fd = agent->log.write_fd,
					    .fds = {broker->fd, namer->fd},
					    .fd_cnt = 2,
					    .run = reader__run,
					    .context = &options};
	int err = part__start(&agent->parts[PART_READER], &reader, failure);

	part__hang_up(broker);
	part__hang_up(namer);
	return err;
}

/*
 * Starts the runner if any alerts go to a command. The command is the administrator's and inherits
 * our standard error.
 */
static int start_runner(struct agent *agent, const struct runner_options *options,
			struct failure *failure)
{
	const struct part_options runner = {.name = "runner",
					    .socket_type = SOCK_STREAM,
					    .cleans_up = true, /* a command may be running */
					    .stderr_fd = -1,
					    .run = runner__run,
					    .context = options};
	struct part *part = &agent->parts[PART_RUNNER];
	bool is_needed = false;
	int err;

	for (size_t i = 0; i < options->cnt; i++)
		is_needed |= alert_destination__command_of(options->alert_to[i]) != NULL;
	if (!is_needed)
		return 0;
	err = part__start(part, &runner, failure);
	if (!err)
		runner__use(part->fd, options);
	return err;
}

static int start_parts(struct agent *agent, const struct runner_options *options,
		       struct failure *failure)
{
	int err = log_pipe__init(&agent->log);

	if (err)
		return failure__set(failure, err, "cannot create a pipe: %s", strerror(-err));
	err = start_helper(agent, PART_BROKER, "broker", broker__run, failure);
	if (!err)
		err = start_helper(agent, PART_NAMER, "namer", namer__run, failure);
	if (!err)
		err = start_reader(agent, failure);
	if (!err)
		err = start_runner(agent, options, failure);
	return err;
}

static void agent__release(struct agent *agent)
{
	for (int i = 0; i < PART_CNT; i++)
		part__release(&agent->parts[i]);
	log_pipe__release(&agent->log);
	closep(&agent->signal_fd);
}

static int run_agent(const struct options *options)
{
	_cleanup_(agent__release) struct agent agent = {
		.options = options,
		.parts = {PART_UNSTARTED, PART_UNSTARTED, PART_UNSTARTED, PART_UNSTARTED},
		.log = LOG_PIPE_NONE,
		.signal_fd = end_signals__open(),
	};
	const struct runner_options runner = {.alert_to = options->alerting.to.texts,
					      .cnt = options->alerting.to.cnt};
	struct server_options server = {.parts = agent.parts,
					.log = &agent.log,
					.signal_fd = agent.signal_fd,
					.listen = options->serving.listen,
					.serving_share = SERVING_SHARE,
					.alert_to = options->alerting.to.texts,
					.alert_to_cnt = options->alerting.to.cnt,
					.open_http = open_http,
					.context = &options->serving};
	struct failure failure;
	int err = command__refuse_arguments(&command_agent, options) ? -EINVAL : 0;

	if (err)
		return err;
	if (agent.signal_fd < 0) {
		log_error("cannot wait for signals: %s", strerror(-agent.signal_fd));
		return agent.signal_fd;
	}
	err = start_parts(&agent, &runner, &failure);
	if (err)
		log_error("%s", failure.text);
	else
		err = server__run(&server);
	server__end_parts(&server);
	return err;
}

const struct command command_agent = {
	.name = "agent",
	.arguments = "[OPTIONS]",
	.summary = "watch all Python processes on this host, with metrics and alerts",
	.description =
		"Reads the heaps of all Python processes on the host at every interval, including "
		"processes that start later. Serves the results as metrics for Prometheus "
		"(/metrics) and as JSON (/v1/processes, /v1/processes/PID/report), and logs alerts "
		"on stderr. On SIGHUP it rereads --config; changes of --alert, --interval and "
		"--budget take effect at once. It inserts probes only with --sites, and never "
		"stops a process. --budget limits the CPU time for finding and reading processes "
		"to a share of one core.",
	.options = (const enum option_id[]){OPTION_CONFIG,	  OPTION_LISTEN,
					    OPTION_TOKEN_FILE,	  OPTION_NO_TOKEN,
					    OPTION_COMMAND_LINES, OPTION_INTERVAL,
					    OPTION_BUDGET,	  OPTION_ALERT,
					    OPTION_ALERT_TO,	  OPTION_SITES,
					    OPTION_COMM,	  OPTION_USER,
					    OPTION_CGROUP,	  OPTION_MATCH,
					    OPTION_BELOW,	  OPTION_BLOCKS,
					    OPTION_SWAPPED,	  OPTION_MAX_MEMORY,
					    OPTION_MAX_CPU,	  OPTION_VERBOSE,
					    OPTION_HELP,	  0},
	.help =
		(const struct option_help[]){
			{OPTION_INTERVAL,
			 "time between readings of a heap, for example 500ms, 10m, 1h"},
			{OPTION_BUDGET, "share of one core for finding and reading processes"},
			{OPTION_ALERT,
			 "log an alert when RULE becomes true, and its end when RULE is no longer "
			 "true; for example 'pinned_bytes > 64MiB for 60s'; up "
			 "to " TEXT_OF(ALERT_RULES_MAX) " times"},
			{OPTION_SITES,
			 "report the N allocation sites that hold back the most memory of pinned "
			 "arenas (N: up to " TEXT_OF(
				 PIN_SUMMARY_MAX) "); probes up to 4 processes at a time"},
			{OPTION_COMM, "only processes with this name"},
			{OPTION_USER, "only processes of this user"},
			{OPTION_CGROUP, "only processes whose cgroup path contains TEXT"},
			{OPTION_MATCH, "only processes whose command line matches REGEX (POSIX "
				       "extended regular expression)"},
			{OPTION_MAX_MEMORY, "limit on the memory that pyfrag uses for the heaps of "
					    "all processes together"},
			{OPTION_MAX_CPU,
			 "CPU time limit for reading a process once (default 20, plus 20 "
			 "for each GiB of its anonymous memory)"},
			{}},
	.run = run_agent,
};
