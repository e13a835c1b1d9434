/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Probes many sites of a file with one uprobe_multi link (Linux 6.6), which is attached and
 * detached in milliseconds.
 *
 * fork() copies the breakpoints that the link has put into the target's memory like any other page.
 * The kernel knows that the link does not cover the child, and skips its hits, but leaves the
 * breakpoints in place: until the trace ends, the child would pay for probes that nobody reads.
 * (With perf events the first hit removes a breakpoint, because their handler can ask for that.)
 * But whenever one user of a breakpoint detaches, the kernel asks the others in which processes
 * they want it, and removes it everywhere else: uprobe_unregister_nosync() and
 * register_for_each_vma(), kernel/events/uprobes.c. So attaching and detaching a link that does
 * nothing removes the breakpoints from all children that exist by then.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "probes/keeper.h"
#include "probes/sites.h"

struct multi_link {
	struct keeper *keeper; /* attaches the link; not owned */
	int number;	       /* under which the keeper holds it; -1: not attached */
	int file_fd;	       /* the probed file */
	int prog_fd;	       /* not owned */
	pid_t pid;
	uint64_t *offsets, *cookies;
	size_t cnt;
};

/*
 * Prepares a link that attaches program @prog_fd, through @keeper, to @sites in the file @file_fd,
 * in process @pid. The cookie of each site is its site__encode(). Returns 0 or negative errno.
 */
int multi_link__init(struct multi_link *out, struct keeper *keeper, int prog_fd,
		     const struct site *const *sites, size_t cnt, int file_fd, pid_t pid);

/* Detaches the link and frees what was prepared. */
void multi_link__release(struct multi_link *link);

/*
 * Attach or detach the link; do nothing if that is its state already. Return 0 or negative errno,
 * like keeper__attach() and keeper__release().
 */
int multi_link__attach(struct multi_link *link);
int multi_link__detach(struct multi_link *link);

/*
 * Removes the breakpoints from child processes of the target. @prog_fd: a program that does
 * nothing. Takes as long as attaching and detaching. Returns 0 or negative errno.
 */
int multi_link__spare_children(const struct multi_link *link, int prog_fd);
