/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All sites of a file by one uprobe_multi link (Linux 6.6).
 *
 * The breakpoints that it puts into the target's memory are copied by fork() like any other page, and
 * the kernel, which knows that the child is none of the link's business, steps over them but leaves
 * them in: a child would pay for probes that nobody reads until the trace ends. (With perf events the
 * first hit takes them out, for there the handler may say so.) But whenever any user of a breakpoint
 * goes, the kernel asks the others in which processes they want it, and clears it elsewhere:
 * uprobe_unregister_nosync() and register_for_each_vma(), kernel/events/uprobes.c. So a link that does
 * nothing, made and dropped, spares the children that there are by then.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "probes/sites.h"

struct multi_link {
	int fd;
	int file_fd; /* what is probed */
	pid_t pid;
	uint64_t *offsets;
	size_t cnt;
};

/*
 * Attaches program @prog_fd to @sites of the file behind @file_fd, in process @pid, each with its
 * struct pyfrag_site as cookie. Returns 0 or negative errno.
 */
int multi_link__attach(struct multi_link *out, int prog_fd, const struct site *const *sites,
		       size_t cnt, int file_fd, pid_t pid);

/*
 * Takes the breakpoints out of processes that the target has forked. @prog_fd is a program that does
 * nothing. Takes as long as attaching and detaching. Returns 0 or negative errno.
 */
int multi_link__spare_children(const struct multi_link *link, int prog_fd);

void multi_link__detach(struct multi_link *link);
