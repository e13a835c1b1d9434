/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The records that the BPF programs that watch a host send to user space: a process was created or
 * executed another program.
 */
#pragma once

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

enum pyfrag_process_event_type {
	PROCESS_FORKED = 1,
	PROCESS_EXECED,
};

struct pyfrag_process_event {
	__u32 type; /* enum pyfrag_process_event_type */
	__u32 tgid; /* in the pid namespace of the reader; PROCESS_FORKED: the child */
};

_Static_assert(sizeof(struct pyfrag_process_event) == 8, "a process event is 8 bytes");
