/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the running kernel supports. This is found by trying, not from the version, because
 * distributions backport features.
 */
#pragma once

#include <stdbool.h>

struct features {
	bool ring_buffer;  /* Linux 5.8 */
	bool uprobe;	   /* with perf events; not tried if uprobe_multi works */
	bool uprobe_multi; /* 6.6; filters by process, not by thread (see below) */
	/*
	 * uprobe_multi exists, but its pid filter compares threads, so that hits of all but one
	 * thread of a process would be missed. Fixed by commit 46ba0e49b642 ("bpf: fix multi-uprobe
	 * PID filtering logic", Linux 6.10 and stable trees).
	 */
	bool uprobe_multi_by_thread;
};

/*
 * The first call tries the features and must be made before there are threads. Returns 0, or
 * negative errno if BPF programs cannot be loaded at all (-EPERM: not permitted).
 */
int features__detect(struct features *out);
