// SPDX-License-Identifier: BSD-2-Clause
/*
 * Sends an event for each process of the host that is created or executes a program. User space
 * learns of the end of a process from its pidfd.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "pyfrag/process_events.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18); /* 16,384 events */
} process_events SEC(".maps");

/* Events dropped because the ring buffer was full. */
__u64 lost_cnt;

static __always_inline void send_event(__u32 type, __u32 tgid)
{
	struct pyfrag_process_event *event;

	if (!tgid)
		return;
	event = bpf_ringbuf_reserve(&process_events, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&lost_cnt, 1);
		return;
	}
	event->type = type;
	event->tgid = tgid;
	/* Not urgent: a program needs some time to start. */
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

/* The pid namespace of the reader: the inode number of its /proc/self/ns/pid. */
const volatile __u32 pid_namespace;

/* MAX_PID_NS_LEVEL, include/linux/pid_namespace.h */
#define LEVEL_MAX 32

/* The pid of @task, the first thread of its process, in that namespace; 0 if it has none there. */
static __always_inline __u32 number_of(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);

	for (__u32 i = 0; i <= LEVEL_MAX && i <= level; i++) {
		struct upid *number = (void *)pid + bpf_core_field_offset(pid->numbers) +
				      i * bpf_core_type_size(struct upid);

		if (BPF_CORE_READ(number, ns, ns.inum) == pid_namespace)
			return (__u32)BPF_CORE_READ(number, nr);
	}
	return 0;
}

SEC("raw_tp/sched_process_exec")
int note_exec(struct bpf_raw_tracepoint_args *ctx)
{
	(void)ctx;
	send_event(PROCESS_EXECED, number_of((struct task_struct *)bpf_get_current_task()));
	return 0;
}

/* args: parent, child. New threads are skipped. */
SEC("raw_tp/sched_process_fork")
int note_fork(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *child = (struct task_struct *)ctx->args[1];

	if (BPF_CORE_READ(child, tgid) != bpf_get_current_pid_tgid() >> 32)
		send_event(PROCESS_FORKED, number_of(child));
	return 0;
}
