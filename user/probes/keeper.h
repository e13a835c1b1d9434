/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who puts breakpoints into a target and takes them out again: a process beside pyfrag, so that
 * nothing is left in the target when pyfrag is killed.
 *
 * The kernel detaches the links of a process that is killed. But while it puts breakpoints in or
 * takes them out, in a system call of that very process, it has to get hold of pages of the
 * target's code, and with a fatal signal pending it cannot: it gives up in the middle
 * (uprobe_write_opcode(), kernel/events/uprobes.c; "leaking uprobe"), and the breakpoints that it
 * has not got to stay in the target for good. So those system calls are made by a process that
 * nobody has a reason to kill. pyfrag asks it over a socket. When pyfrag is gone, the socket is
 * closed; then the keeper closes all that it holds, removes the groups of probes that pyfrag has
 * defined (uprobe_group.h), and ends.
 *
 * A process "pyfrag-keeper" is forked at the start, as long as pyfrag is small and has no threads.
 * It forks another one of itself for each set of probes: a target whose memory the kernel has to
 * wait for keeps nobody else waiting.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "probes/keeper_process.h"
#include "probes/uprobe_event.h"
#include "probes/uprobe_group.h"
#include "util/failure.h"

struct keeper;

/*
 * Starts the process that the keepers are forked from. To be called once, before threads are
 * started and privileges are given up. It has no capabilities, but on kernels without uprobe_multi
 * what perf events take (uprobe_event.h); @confine is called in there, if not NULL. Errors are
 * described.
 */
int keeper__start(keeper_confine_fn *confine, struct failure *failure);

/*
 * A keeper for what one set of probes attaches. The caller closes it, and uses it in one thread at
 * a time. Errors: -ENOTCONN if keeper__start() was not called, -EPIPE if the process that it
 * started is gone, or others.
 */
int keeper__open(struct keeper **out);

/* Waits until all that it holds is detached. */
void keeper__close(struct keeper *keeper);
void keeper__closep(struct keeper **keeper);

/* As bpf_compat__link_uprobe_multi(). */
struct keeper_link {
	int prog_fd;
	int file_fd; /* what is probed */
	pid_t pid;
	const uint64_t *offsets, *cookies; /* @cnt of each */
	size_t cnt;
};

/*
 * The following return a number, by which keeper__release() knows what is held, or negative errno.
 * -EPIPE: the keeper is gone, and all that it held is detached.
 */

/* Attaches. */
int keeper__attach(struct keeper *keeper, const struct keeper_link *link);

/* As uprobe_event__open(); @file_fd: the file with the one breakpoint, -1: it is of a group. */
int keeper__open_event(struct keeper *keeper, const struct uprobe_event *event, int prog_fd,
		       int file_fd);

/* Closes what is held as @number, which detaches it. Returns 0 or negative errno. */
int keeper__release(struct keeper *keeper, int number);

/*
 * Makes the keeper remove @group when it has released all else. To be called before it is defined,
 * so that there is no moment at which nobody would. Returns 0 or negative errno.
 */
int keeper__remove_group(struct keeper *keeper, const struct uprobe_group *group);

/* A file descriptor, the keeper's, that becomes readable when it is gone. */
int keeper__fd(const struct keeper *keeper);
