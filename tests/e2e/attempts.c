// SPDX-License-Identifier: BSD-2-Clause
/*
 * Confines itself as a process of the agent does, then tries what a compromised process might try.
 * Prints a line for each attempt: its name, and "allowed" or "refused" (EPERM, EACCES, ENOSYS).
 *
 * Usage: attempts PART VICTIM ADDRESS SCRATCH
 *
 * PART: reader, probing-reader, keeper, event-keeper (a keeper that opens perf events), broker,
 * namer, server, connecting-server, runner, or none (not confined). VICTIM is a process of the
 * test's own, ADDRESS (hexadecimal) eight bytes of its memory, SCRATCH a directory. Each attempt
 * runs in a process of its own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/confinement.h"
#include "attempt/attempts.h"
#include "util/cleanup.h"

struct scene scene;

static const struct attempt *const all[] = {attempts_to_read, attempts_on_processes,
					    attempts_on_files, attempts_on_kernel};

/* The exit status tells the result; an executed program exits with 0. */
static void make(const struct attempt *attempt)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		errno = 0;
		if (attempt->run() >= 0)
			_exit(0);
		_exit(errno == EPERM || errno == EACCES || errno == ENOSYS ? 1 : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("attempts");
		exit(1);
	}
	printf("%s %s\n", attempt->name,
	       WIFEXITED(status) && !WEXITSTATUS(status) ? "allowed" : "refused");
}

static int confine(const char *part, struct failure *failure)
{
	if (!strcmp(part, "reader"))
		return confinement__of_reader(false, failure);
	if (!strcmp(part, "probing-reader"))
		return confinement__of_reader(true, failure);
	if (!strcmp(part, "broker"))
		return confinement__of_broker(failure);
	if (!strcmp(part, "server"))
		return confinement__of_server(false, failure);
	if (!strcmp(part, "connecting-server"))
		return confinement__of_server(true, failure);
	if (!strcmp(part, "namer"))
		return confinement__of_namer(failure);
	if (!strcmp(part, "runner"))
		return confinement__of_runner(failure);
	if (!strcmp(part, "keeper"))
		return confinement__of_keeper(false);
	if (!strcmp(part, "event-keeper"))
		return confinement__of_keeper(true);
	return strcmp(part, "none") != 0 ? -EINVAL : 0;
}

int main(int argc, char **argv)
{
	struct failure failure = {"no such part"};

	if (argc != 5) {
		fputs("usage: attempts PART VICTIM ADDRESS SCRATCH\n", stderr);
		return 1;
	}
	scene.victim = (pid_t)strtol(argv[2], NULL, 10);
	scene.address = strtoull(argv[3], NULL, 16);
	scene.arguments = argv[0];
	snprintf(scene.proc, sizeof(scene.proc), "/proc/%d", scene.victim);
	snprintf(scene.directory, sizeof(scene.directory), "%s", argv[4]);
	snprintf(scene.file, sizeof(scene.file), "%s/file", argv[4]);
	if (confine(argv[1], &failure)) {
		fprintf(stderr, "attempts: %s\n", failure.text);
		return 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		for (const struct attempt *attempt = all[i]; attempt->name; attempt++)
			make(attempt);
	fflush(stdout);
	/* A confined process can still report an error in itself. */
	abort();
}
