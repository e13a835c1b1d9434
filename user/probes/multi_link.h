/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many sites of a file by one uprobe_multi link (Linux 6.6), which comes and goes in milliseconds.
 *
 * The breakpoints that it puts into the target's memory are copied by fork() like any other page,
 * and the kernel, which knows that the child is none of the link's business, steps over them but
 * leaves them in: a child would pay for probes that nobody reads until the trace ends. (With perf
 * events the first hit takes them out, for there the handler may say so.) But whenever any user of
 * a breakpoint goes, the kernel asks the others in which processes they want it, and clears it
 * elsewhere: uprobe_unregister_nosync() and register_for_each_vma(), kernel/events/uprobes.c. So a
 * link that does nothing, made and dropped, spares the children that there are by then.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "probes/keeper.h"
#include "probes/sites.h"

struct multi_link {
	struct keeper *keeper; /* not owned: the one who attaches */
	int number;	       /* of what the keeper holds; -1: not attached */
	int file_fd;	       /* what is probed */
	int prog_fd;	       /* not owned */
	pid_t pid;
	uint64_t *offsets, *cookies;
	size_t cnt;
};

/*
 * Prepares to attach program @prog_fd, through @keeper, to @sites of the file behind @file_fd, in
 * process @pid, each with its site__encode() as cookie. Returns 0 or negative errno.
 */
int multi_link__init(struct multi_link *out, struct keeper *keeper, int prog_fd,
		     const struct site *const *sites, size_t cnt, int file_fd, pid_t pid);

/* Detaches, and releases what was prepared. */
void multi_link__release(struct multi_link *link);

/*
 * Both do nothing if it is so already. They return 0 or negative errno, as keeper__attach() and
 * keeper__release().
 */
int multi_link__attach(struct multi_link *link);
int multi_link__detach(struct multi_link *link);

/*
 * Takes the breakpoints out of processes that the target has forked. @prog_fd is a program that
 * does nothing. Takes as long as attaching and detaching. Returns 0 or negative errno.
 */
int multi_link__spare_children(const struct multi_link *link, int prog_fd);
