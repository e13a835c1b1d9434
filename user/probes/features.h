/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the running kernel can do for us, found by trying, not by its version: distributions
 * backport.
 */
#pragma once

#include <stdbool.h>

struct features {
	bool ring_buffer;  /* Linux 5.8 */
	bool uprobe;	   /* by perf events; not tried where uprobe_multi works */
	bool uprobe_multi; /* 6.6; and it tells processes apart, not threads (see below) */
	/*
	 * uprobe_multi is there, but its pid filter compares threads: all but one thread of a
	 * process would go unseen. Fixed by commit 46ba0e49b642 ("bpf: fix multi-uprobe PID
	 * filtering logic", Linux 6.10 and stable trees).
	 */
	bool uprobe_multi_by_thread;
};

/*
 * Tries, the first time; to be called once before there are threads. Returns 0, or negative errno
 * if BPF programs cannot be loaded at all (-EPERM: not allowed).
 */
int features__detect(struct features *out);
