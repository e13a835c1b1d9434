// SPDX-License-Identifier: BSD-2-Clause
#include "probes/bpf_compat.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* link_create of union bpf_attr, with uprobe_multi (include/uapi/linux/bpf.h, Linux 6.6). */
struct link_create_attr {
	uint32_t prog_fd;
	uint32_t target_fd;
	uint32_t attach_type;
	uint32_t flags;
	uint64_t path;
	uint64_t offsets;
	uint64_t ref_ctr_offsets;
	uint64_t cookies;
	uint32_t cnt;
	uint32_t multi_flags;
	uint32_t pid;
};

int bpf_compat__link_uprobe_multi(int prog_fd, const char *path, const uint64_t *offsets,
				  const uint64_t *cookies, size_t cnt, pid_t pid)
{
	struct link_create_attr attr;
	long fd;

	memset(&attr, 0, sizeof(attr)); /* the kernel requires zero padding, too */
	attr.prog_fd = (uint32_t)prog_fd;
	attr.attach_type = ATTACH_TYPE_UPROBE_MULTI;
	attr.path = (uint64_t)(uintptr_t)path;
	attr.offsets = (uint64_t)(uintptr_t)offsets;
	attr.cookies = (uint64_t)(uintptr_t)cookies;
	attr.cnt = (uint32_t)cnt;
	attr.pid = (uint32_t)pid;
	fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	return fd < 0 ? -errno : (int)fd;
}
