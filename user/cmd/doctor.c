// SPDX-License-Identifier: BSD-2-Clause
/*
 * Reports what this kernel, these privileges and this Python allow, one line each, and how to fix
 * what is missing. Where possible, it tries the real operation.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "probes/arch/arch.h"
#include "probes/features.h"
#include "probes/site_cache.h"
#include "probes/uprobe_event.h"
#include "probes/uprobe_group.h"
#include "source/allocators.h"
#include "source/heap_source.h"
#include "target/live.h"
#include "target/reading_allowance.h"
#include "util/capabilities.h"
#include "util/cleanup.h"
#include "util/cpu_allowance.h"
#include "util/log.h"
#include "util/reader_gone.h"
#include "util/text.h"
#include "util/units.h"

enum verdict {
	VERDICT_OK,
	VERDICT_NOTE, /* works with restrictions */
	VERDICT_FAIL,
};

struct doctor {
	const struct options *options;
	bool failed;
};

static void say(struct doctor *doctor, enum verdict verdict, const char *what, const char *format,
		...) __attribute__((format(printf, 4, 5)));

static void say(struct doctor *doctor, enum verdict verdict, const char *what, const char *format,
		...)
{
	static const char *const words[] = {"ok", "note", "FAIL"};
	char text[1024]; /* contains names and paths chosen by a process */
	va_list args;

	doctor->failed |= verdict == VERDICT_FAIL;
	printf("%-5s %-22s ", words[verdict], what);
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	text__write(text, stdout);
	putchar('\n');
}

static void check_kernel(struct doctor *doctor)
{
	struct utsname name;

	uname(&name);
	if (arch__own())
		say(doctor, VERDICT_OK, "kernel", "Linux %s, %s", name.release, name.machine);
	else
		say(doctor, VERDICT_NOTE, "kernel",
		    "Linux %s, %s: no support for probes on this architecture; snapshot may work "
		    "(untested)",
		    name.release, name.machine);
	if (!access("/sys/kernel/btf/vmlinux", R_OK))
		say(doctor, VERDICT_OK, "BTF", "/sys/kernel/btf/vmlinux");
	else
		say(doctor, VERDICT_FAIL, "BTF",
		    "no /sys/kernel/btf/vmlinux: trace needs a kernel built with "
		    "CONFIG_DEBUG_INFO_BTF=y");
}

/* The file marks the current mode with brackets: "none [integrity] confidentiality". */
static void check_lockdown(struct doctor *doctor)
{
	_cleanup_fclose_ FILE *file = fopen("/sys/kernel/security/lockdown", "re");
	char line[128] = "";

	if (!file || !fgets(line, sizeof(line), file) || !strstr(line, "[confidentiality]"))
		return;
	say(doctor, VERDICT_FAIL, "lockdown",
	    "the kernel is locked down for confidentiality, so BPF cannot read memory; boot with "
	    "lockdown=integrity, or without lockdown=");
}

/*
 * For opening files of a process by its memory ranges, the kernel accepts CAP_SYS_ADMIN in place of
 * CAP_CHECKPOINT_RESTORE (proc_map_files_get_link() in fs/proc/base.c).
 */
static bool may_use(unsigned int capability)
{
	return capabilities__has(capability) ||
	       (capability == CAP_CHECKPOINT_RESTORE && capabilities__has(CAP_SYS_ADMIN));
}

static void check_capabilities(struct doctor *doctor)
{
	static const struct {
		unsigned int capability;
		const char *name;
		enum verdict without;
		const char *purpose;
	} wanted[] = {
		{CAP_SYS_PTRACE, "CAP_SYS_PTRACE", VERDICT_NOTE,
		 "to read processes of other users"},
		{CAP_BPF, "CAP_BPF", VERDICT_FAIL, "to load BPF programs (trace)"},
		{CAP_PERFMON, "CAP_PERFMON", VERDICT_FAIL, "to attach them (trace)"},
		{CAP_CHECKPOINT_RESTORE, "CAP_CHECKPOINT_RESTORE", VERDICT_NOTE,
		 "to open files that were deleted or replaced since they were mapped"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		if (may_use(wanted[i].capability))
			say(doctor, VERDICT_OK, wanted[i].name, "%s", wanted[i].purpose);
		else
			say(doctor, wanted[i].without, wanted[i].name,
			    "missing (needed %s); run with sudo", wanted[i].purpose);
	}
}

static void check_features(struct doctor *doctor)
{
	struct features features;
	int err = features__detect(&features);

	if (err) {
		say(doctor, VERDICT_FAIL, "BPF", "cannot load programs: %s%s", strerror(-err),
		    err == -EPERM ? "; run with sudo; in a container, also allow bpf() in the "
				    "seccomp profile"
				  : "");
		return;
	}
	say(doctor, VERDICT_OK, "BPF", "programs load");
	if (features.ring_buffer)
		say(doctor, VERDICT_OK, "ring buffer", "available");
	else
		say(doctor, VERDICT_FAIL, "ring buffer",
		    "missing: trace needs Linux 5.8 or later (5.10 is tested)");
	if (features.uprobe_multi)
		say(doctor, VERDICT_OK, "uprobes",
		    "uprobe_multi available (one BPF link for all probe sites)");
	else if (uprobe_event__try() == -EACCES)
		say(doctor, VERDICT_FAIL, "uprobes",
		    "perf events with uprobes are not permitted; run with sudo, or with "
		    "CAP_SYS_ADMIN (on many kernels CAP_PERFMON is sufficient after: sysctl "
		    "kernel.perf_event_paranoid=2)");
	else if (!features.uprobe)
		say(doctor, VERDICT_FAIL, "uprobes",
		    "a test uprobe in pyfrag itself was not hit; trace needs CONFIG_UPROBES=y and "
		    "permission to use perf events");
	else
		say(doctor, VERDICT_NOTE, "uprobes", "using perf events, because %s",
		    features.uprobe_multi_by_thread ? "this kernel's uprobe_multi probes only one "
						      "thread (fixed in Linux 6.10)"
						    : "uprobe_multi requires Linux 6.6 or later");
	if (!features.uprobe_multi && uprobe_group__check())
		say(doctor, VERDICT_NOTE, "tracefs",
		    "not mounted: each probe site needs its own perf event, and detaching takes "
		    "about 80 ms per site; fix: mount -t tracefs tracefs /sys/kernel/tracing");
}

static void check_sites(struct doctor *doctor, const struct module *module)
{
	_cleanup_(site_set__free) struct site_set set = {};
	int err;

	reading_allowance__begin_scan(module->fd, doctor->options->snapshot.reading.max_cpu_s);
	err = site_cache__find(&set, module->fd, 0, !doctor->options->trace.no_cache, NULL);
	if (cpu_allowance__end()) {
		say(doctor, VERDICT_FAIL, "probe sites",
		    "scanning %s exceeds the CPU time limit (--max-cpu)", module->path);
		return;
	}
	if (err) {
		say(doctor, VERDICT_FAIL, "probe sites", "cannot scan %s: %s; trace does not work",
		    module->path, strerror(-err));
		return;
	}
	if (!site_set__count(&set, EVENT_ALLOC) || !site_set__count(&set, EVENT_FREE)) {
		say(doctor, VERDICT_FAIL, "probe sites",
		    "none for allocations in %s: only --mode watch works, without bursts",
		    module->path);
		return;
	}
	if (!site_set__count(&set, EVENT_NEW_POOL)) {
		say(doctor, VERDICT_FAIL, "probe sites",
		    "none for taking pools in %s: growth is not attributed to lines", module->path);
		return;
	}
	say(doctor, VERDICT_OK, "probe sites", "alloc %zu, free %zu, new pool %zu in %s",
	    site_set__count(&set, EVENT_ALLOC), site_set__count(&set, EVENT_FREE),
	    site_set__count(&set, EVENT_NEW_POOL), module->path);
}

static void check_heap(struct doctor *doctor, struct heap_source *source)
{
	const struct heap_reading_options options = {};
	const struct target_heap *target_heap = heap_source__main(source);
	const struct heap_layout *layout = &target_heap->layout;
	struct counters counters = {};
	struct heap_reading reading = {};
	struct failure failure;

	if (heap_source__read(source, &options, &reading, &counters, &failure)) {
		say(doctor, VERDICT_FAIL, "heap", "%s", failure.text);
		return;
	}
	say(doctor, VERDICT_OK, "heap",
	    "%s: %s of %s, pools of %s, blocks aligned to %u; read in %.1f ms", target_heap->name,
	    units__counted(reading.heap->region_cnt, "arena").text,
	    units__bytes(layout->region_size).text, units__bytes(layout->span_size).text,
	    layout->map.alignment, reading.duration_ms);
	heap__free(reading.heap);
}

static void check_process(struct doctor *doctor)
{
	_cleanup_(heap_source__freep) struct heap_source *source = NULL;
	pid_t pid = doctor->options->pid;
	struct failure failure;
	struct target *target;

	reading_allowance__begin(READING_HEAP, pid, doctor->options->snapshot.reading.max_cpu_s);
	if (live__open(&target, pid, &failure) ||
	    heap_source__open(&source, followed_allocators, target,
			      doctor->options->snapshot.reading.max_memory_bytes, NULL, &failure)) {
		reading_allowance__end(pid, 0, &failure);
		say(doctor, VERDICT_FAIL, "process", "%s", failure.text);
		return;
	}
	say(doctor, VERDICT_OK, "process", "process %d (%s): CPython %s in %s", source->target->pid,
	    source->target->comm, source->python->version, source->python->module->path);
	check_heap(doctor, source);
	if (reading_allowance__end(pid, 0, &failure))
		say(doctor, VERDICT_FAIL, "CPU limit", "%s", failure.text);
	check_sites(doctor, source->python->module);
}

static int run_doctor(const struct options *options)
{
	struct doctor doctor = {.options = options};
	int err;

	if (command__refuse_arguments(&command_doctor, options))
		return -EINVAL;
	check_kernel(&doctor);
	check_lockdown(&doctor);
	check_capabilities(&doctor);
	check_features(&doctor);
	if (options->pid)
		check_process(&doctor);
	err = reader_gone__flush_stdout();
	if (err)
		return err;
	return doctor.failed ? -ENOTSUP : 0;
}

const struct command command_doctor = {
	.name = "doctor",
	.arguments = "[-p PID]",
	.summary = "check which features work on this host, and how to enable the others",
	.description = "Checks whether the kernel, your privileges and, with -p, the Python of "
		       "process PID provide what pyfrag needs. Prints one line per check, with a "
		       "fix for what is missing. Exits with status 1 if a check fails.",
	.options = (const enum option_id[]){OPTION_PID, OPTION_MAX_MEMORY, OPTION_MAX_CPU,
					    OPTION_NO_CACHE, OPTION_VERBOSE, OPTION_HELP, 0},
	.help =
		(const struct option_help[]){
			{OPTION_MAX_CPU, "CPU time limit for finding Python in the process "
					 "and reading its heap (default 20, plus 20 for each "
					 "GiB of the process's anonymous memory), and for the "
					 "scan for probe sites (default 20, plus 4 for each MiB "
					 "of the file)"},
			{}},
	.run = run_doctor,
};
