// SPDX-License-Identifier: BSD-2-Clause
#include "target/live.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "target/live_activity.h"
#include "target/live_files.h"
#include "target/live_memory.h"
#include "target/live_pages.h"
#include "target/live_pause.h"
#include "target/live_proc.h"
#include "target/live_threads.h"
#include "target/memory_thread.h"
#include "target/proc_fields.h"
#include "target/proc_text.h"
#include "util/cleanup.h"

/*
 * Limits of what is read of each text. Texts of one line are short, except for the command line. A
 * line of "cgroup" contains a path of up to 4096 bytes, and there is one line per hierarchy.
 */
#define LINE_BYTES_MAX	 4096
#define CGROUP_BYTES_MAX (64UL << 10)

struct live {
	struct target target;
	struct live_memory memory;
	struct live_pause pause;
	int pidfd;
};

static struct live *live_of(const struct target *target)
{
	return (struct live *)(uintptr_t)target;
}

static int read_cmdline(struct target *target)
{
	_cleanup_(proc_text__release) struct proc_text text = {};
	struct memory_entry entry = memory_thread__entry(target->pid, "cmdline");
	int err = proc_text__read(&text, target->pid, entry.name, LINE_BYTES_MAX);

	if (err)
		return err;
	target->cmdline = proc_fields__arguments(text.bytes, text.size, &text.is_cut);
	target->cmdline_is_cut = text.is_cut;
	return target->cmdline ? 0 : -ENOMEM;
}

static int read_identity(struct target *target)
{
	_cleanup_(proc_text__release) struct proc_text stat = {}, comm = {}, cgroup = {};
	int err = proc_text__read(&comm, target->pid, "comm", LINE_BYTES_MAX);

	if (err)
		return err;
	target->comm = TAKE_PTR(comm.bytes);
	target->comm[strcspn(target->comm, "\n")] = '\0';
	if (!proc_text__read(&stat, target->pid, "stat", LINE_BYTES_MAX))
		proc_fields__start_ticks(stat.bytes, &target->start_ticks);
	err = read_cmdline(target);
	if (err)
		return err;
	if (live_proc__read_link(target->pid, memory_thread__entry(target->pid, "exe").name,
				 &target->exe))
		target->exe = strdup("");
	err = proc_text__read(&cgroup, target->pid,
			      memory_thread__entry(target->pid, "cgroup").name, CGROUP_BYTES_MAX);
	target->cgroup = err ? strdup("") : proc_fields__cgroup(cgroup.bytes);
	return target->exe && target->cgroup ? 0 : -ENOMEM;
}

static int read_maps(struct mappings *out, pid_t pid)
{
	struct memory_entry entry = memory_thread__entry(pid, "maps");
	_cleanup_fclose_ FILE *file = proc_text__open(pid, entry.name);

	return file ? mappings__read(out, file) : -errno;
}

/*
 * If the thread through which the memory is reached ends meanwhile, no mappings are found: try
 * again.
 */
static int read_mappings(const struct target *target, struct mappings *out)
{
	pid_t pid = target->pid;
	int err = read_maps(out, pid);

	for (int i = 0; i < MEMORY_THREADS_TRIED_MAX &&
			(err == -ENOENT || err == -ESRCH || (!err && !out->cnt)) &&
			memory_thread__of(pid) != pid;
	     i++)
		err = read_maps(out, pid);
	return err;
}

static int read_smaps(const struct target *target, struct smaps *out)
{
	struct memory_entry entry = memory_thread__entry(target->pid, "smaps");
	_cleanup_fclose_ FILE *file = proc_text__open(target->pid, entry.name);

	return file ? smaps__parse(out, file) : -errno;
}

static int measure_resident(const struct target *target, struct resident_range *ranges, size_t cnt)
{
	return live_pages__measure(target->pid, ranges, cnt);
}

static int residency_is_exact(const struct target *target)
{
	return live_pages__knows_zero_page(target->pid);
}

static int measure_shared(const struct target *target, struct resident_range *ranges, size_t cnt)
{
	return live_pages__measure_shared(target->pid, ranges, cnt);
}

static int measure_swapped(const struct target *target, struct resident_range *ranges, size_t cnt)
{
	return live_pages__measure_swapped(target->pid, ranges, cnt);
}

static int measure_huge(const struct target *target, struct resident_range *ranges, size_t cnt)
{
	return live_pages__measure_huge(target->pid, ranges, cnt);
}

static int find_resident(const struct target *target, uint64_t start, uint64_t end,
			 memory_run_fn *take, void *context)
{
	return live_pages__find_resident(target->pid, start, end, take, context);
}

static int used_bytes(const struct target *target, uint64_t *bytes)
{
	_cleanup_(proc_text__release) struct proc_text status = {};
	int err = proc_text__read_status(&status, target->pid);

	return err ? err : proc_fields__used_bytes(status.bytes, bytes);
}

static int visit_threads(const struct target *target, target_thread_fn *take, void *context)
{
	return live_threads__visit(target->pid, take, context);
}

static int find_user(const struct target *target, uid_t *out)
{
	return live_proc__user(target->pid, out);
}

static char *find_in_environment(const struct target *target, const char *name)
{
	char *value;

	return proc_text__find_variable(&value, target->pid, name) ? NULL : value;
}

static bool is_alive(const struct target *target)
{
	struct pollfd poll_fd = {.fd = live_of(target)->pidfd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 0;
}

static int exit_fd(const struct target *target)
{
	return live_of(target)->pidfd;
}

static int cpu_ns(const struct target *target, uint64_t *ns)
{
	return live_activity__cpu_ns(target->pid, ns);
}

static int read_activity(const struct target *target, struct target_activity *out)
{
	return live_activity__read(target->pid, out);
}

static int find_ready_threads(const struct target *target, struct ready_thread *out, size_t max,
			      size_t *cnt)
{
	return live_activity__ready_threads(target->pid, out, max, cnt);
}

static int pause_threads(struct target *target)
{
	return live_pause__begin(&live_of(target)->pause, target->pid);
}

static uint64_t resume_threads(struct target *target)
{
	return live_pause__end(&live_of(target)->pause);
}

static int settle(struct target *target)
{
	return page_tables__settle(&live_of(target)->memory.tables);
}

static void free_live(struct target *target)
{
	struct live *live = live_of(target);

	live_pause__end(&live->pause);
	closep(&live->pidfd);
	live_memory__release(&live->memory);
	free(live);
}

const struct target_ops live_ops = {
	.read_mappings = read_mappings,
	.read_smaps = read_smaps,
	.find_mapped_file = live_files__find,
	.measure_resident = measure_resident,
	.residency_is_exact = residency_is_exact,
	.measure_shared = measure_shared,
	.measure_swapped = measure_swapped,
	.measure_huge = measure_huge,
	.find_resident = find_resident,
	.used_bytes = used_bytes,
	.visit_threads = visit_threads,
	.user = find_user,
	.environment = find_in_environment,
	.is_alive = is_alive,
	.exit_fd = exit_fd,
	.cpu_ns = cpu_ns,
	.activity = read_activity,
	.ready_threads = find_ready_threads,
	.pause = pause_threads,
	.resume = resume_threads,
	.settle = settle,
	.free = free_live,
};

static int open_pidfd(struct live *live, struct failure *failure)
{
	struct target *target = &live->target;
	struct process_credentials credentials = {};
	int err;

	live->pidfd = (int)syscall(SYS_pidfd_open, target->pid, 0);
	err = process_credentials__read(&credentials, target->pid);
	if (err == -ENOENT || err == -ESRCH)
		return failure__set(failure, -ESRCH,
				    "no process %d; see the pids with: ps -e | grep python",
				    target->pid);
	if (!err && credentials.thread_group != target->pid)
		return failure__set(failure, -EINVAL, "%d is a thread of process %d; use -p %d",
				    target->pid, credentials.thread_group,
				    credentials.thread_group);
	if (live->pidfd < 0)
		return failure__set(failure, -errno, "process %d: pidfd_open: %s", target->pid,
				    strerror(errno));
	if (!err)
		target->owner = live->memory.tables.owner =
			process_owner__of(target->pid, credentials.uid, credentials.is_of_host);
	if (live_activity__first_thread_has_ended(target->pid) &&
	    memory_thread__of(target->pid) == target->pid)
		return failure__set(
			failure, -ESRCH,
			"process %d has exited (zombie: its parent has not waited for it yet)",
			target->pid);
	return 0;
}

int live__open(struct target **out, pid_t pid, struct failure *failure)
{
	_cleanup_(target__freep) struct target *target = NULL;
	struct live *live = calloc(1, sizeof(*live));
	int err;

	if (!live)
		return failure__set(failure, -ENOMEM, "out of memory");
	live->pidfd = -1;
	live_memory__init(&live->memory, pid);
	target = &live->target;
	target->ops = &live_ops;
	target->memory = &live->memory.memory;
	target->pid = pid;
	err = open_pidfd(live, failure);
	if (err)
		return err;
	err = read_identity(target);
	if (err)
		return failure__set(failure, err, "process %d: cannot read /proc/%d: %s", pid, pid,
				    strerror(-err));
	err = target__reload_maps(target, failure);
	if (err)
		return err;
	*out = TAKE_PTR(target);
	return 0;
}
