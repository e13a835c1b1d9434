// SPDX-License-Identifier: BSD-2-Clause
#include "probes/process_events.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "probes/bpf_log.h"
#include "processes.skel.h"
#include "util/cleanup.h"

struct process_events {
	struct processes_bpf *skeleton;
	struct ring_buffer *ring;
	process_event_fn *take;
	void *context;
};

void process_events__free(struct process_events *events)
{
	if (!events)
		return;
	ring_buffer__free(events->ring);
	processes_bpf__destroy(events->skeleton);
	free(events);
}

void process_events__freep(struct process_events **events)
{
	process_events__free(*events);
}

static int take_record(void *context, void *data, size_t size)
{
	const struct process_events *events = context;

	return size < sizeof(struct pyfrag_process_event) ? 0 : events->take(events->context, data);
}

static int describe(int err, struct failure *failure)
{
	if (err == -EPERM)
		return failure__set(failure, err,
				    "cannot watch for processes: BPF is not permitted; run as "
				    "root, or with CAP_BPF and CAP_PERFMON; in a container, the "
				    "seccomp profile must also allow bpf() (see: pyfrag doctor)");
	return failure__set(failure, err,
			    "cannot watch for processes with BPF: %s (see: pyfrag doctor)",
			    strerror(-err));
}

int process_events__new(struct process_events **out, process_event_fn *take, void *context,
			struct failure *failure)
{
	_cleanup_(process_events__freep) struct process_events *events = calloc(1, sizeof(*events));
	struct stat pid_namespace;
	int err;

	if (!events)
		return failure__set(failure, -ENOMEM, "out of memory");
	events->take = take;
	events->context = context;
	if (stat("/proc/self/ns/pid", &pid_namespace))
		return describe(-errno, failure);
	bpf_log__forward();
	events->skeleton = processes_bpf__open();
	if (!events->skeleton)
		return describe(-errno, failure);
	events->skeleton->rodata->pid_namespace = (uint32_t)pid_namespace.st_ino;
	err = processes_bpf__load(events->skeleton);
	if (!err)
		err = processes_bpf__attach(events->skeleton);
	if (err)
		return describe(err, failure);
	events->ring = ring_buffer__new(bpf_map__fd(events->skeleton->maps.process_events),
					take_record, events, NULL);
	if (!events->ring)
		return describe(-errno, failure);
	*out = TAKE_PTR(events);
	return 0;
}

int process_events__take(struct process_events *events)
{
	int result = ring_buffer__consume(events->ring);

	return result < 0 ? result : 0;
}

uint64_t process_events__lost(const struct process_events *events)
{
	return events->skeleton->bss->lost_cnt;
}
