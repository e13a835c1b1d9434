/* SPDX-License-Identifier: BSD-2-Clause */
/* Parts of bpf(2) that are newer than the libbpf we build with (1.1 has no uprobe_multi). */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* enum bpf_attach_type: BPF_TRACE_UPROBE_MULTI, Linux 6.6. */
#define ATTACH_TYPE_UPROBE_MULTI 48

/*
 * Creates one link for many uprobes in one file. The kernel resolves @path in our mount namespace.
 * @cookies may be NULL; @pid 0 means every process. Returns a file descriptor, which the caller
 * owns and which detaches all uprobes when it is closed, or negative errno.
 */
int bpf_compat__link_uprobe_multi(int prog_fd, const char *path, const uint64_t *offsets,
				  const uint64_t *cookies, size_t cnt, pid_t pid);
