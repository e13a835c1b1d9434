// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: values that the agent's configuration file sets are within the bounds that the help
 * states, and a refused file changes nothing and leaks nothing.
 */
#include <math.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "fuzz.h"
#include "util/cleanup.h"

/* Each refused line is reported on stderr, which would flood a fuzzer's log. */
static int parse_silently(char **argv, int argc, struct options *options)
{
	FILE *null = fopen("/dev/null", "we"), *stderr_before = stderr;
	int err;

	CHECK(null);
	stderr = null;
	err = command__parse(&command_agent, argc, argv, options);
	stderr = stderr_before;
	fclose(null);
	return err;
}

static bool is_share(double value)
{
	return value >= 0 && value <= 1;
}

static void check_options(const struct options *options)
{
	CHECK(isfinite(options->trace.pace.interval_s) && options->trace.pace.interval_s > 0);
	CHECK(is_share(options->trace.pace.budget) && is_share(options->snapshot.findings.below));
	CHECK(options->alerting.rules.cnt <= ALERT_RULES_MAX);
	CHECK(options->alerting.to.cnt <= ALERT_DESTINATIONS_MAX);
	CHECK(options->snapshot.reading.max_memory_bytes);
	CHECK(options->serving.listen);
	/* A file has no arguments, and cannot name another file. */
	CHECK(!options->argument_cnt && !options->pid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_close_ int fd = memfd_create("config", MFD_CLOEXEC);
	struct options options, before;
	char path[64];
	char *argv[] = {"agent", "--config", path, NULL};
	int err;

	CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	memset(&options, 0x5a, sizeof(options));
	before = options;
	err = parse_silently(argv, 3, &options);
	if (err) {
		CHECK(!memcmp(&options, &before, sizeof(options)));
		return 0;
	}
	check_options(&options);
	options__release(&options);
	return 0;
}
