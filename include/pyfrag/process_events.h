/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the BPF programs that watch a host tell user space: that a process came to be, or became
 * another program.
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
	__u32 type;
	__u32 tgid; /* as the reader's pid namespace numbers it; FORKED: the child */
};
