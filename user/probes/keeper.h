/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keeper: a process beside pyfrag that inserts breakpoints into a target and removes them, so
 * that none stay in the target when pyfrag is killed.
 *
 * The kernel detaches the links of a process that is killed. But it inserts and removes breakpoints
 * in a system call of that process, for which it needs pages of the target's code, and it does not
 * get them while a fatal signal is pending. It then gives up halfway (uprobe_write_opcode(),
 * kernel/events/uprobes.c; it logs "leaking uprobe"), and the breakpoints that it has not reached
 * stay in the target for good. So these system calls are made by a process that nobody has a reason
 * to kill. pyfrag sends it requests over a socket. When pyfrag ends, the socket is closed; the
 * keeper then closes everything that it holds, removes the groups of probes that pyfrag has defined
 * (uprobe_group.h), and exits.
 *
 * A process "pyfrag-keeper" is forked at the start, while pyfrag is small and has no threads. It
 * forks a keeper for each probe set, so that a target whose memory makes the kernel wait delays no
 * other.
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
 * Starts the process from which the keepers are forked. Call it once, before threads are started
 * and privileges are dropped. The process has no capabilities, except those for perf events on
 * kernels without uprobe_multi (uprobe_event.h). It calls @confine, if not NULL. Errors are
 * described in @failure.
 */
int keeper__start(keeper_confine_fn *confine, struct failure *failure);

/*
 * Opens a keeper for one probe set. The caller closes it, and uses it from one thread at a time.
 * Errors: -ENOTCONN if keeper__start() was not called, -EPIPE if the process that it started is
 * gone, or another negative errno.
 */
int keeper__open(struct keeper **out);

/* Waits until everything that the keeper holds is detached. */
void keeper__close(struct keeper *keeper);
void keeper__closep(struct keeper **keeper);

/* The arguments of bpf_compat__link_uprobe_multi(). */
struct keeper_link {
	int prog_fd;
	int file_fd; /* the probed file */
	pid_t pid;
	const uint64_t *offsets, *cookies; /* @cnt elements each */
	size_t cnt;
};

/*
 * The next two functions return the number under which the keeper holds what it attached, for
 * keeper__release(), or negative errno. -EPIPE: the keeper is gone, and all that it held is
 * detached.
 */

/* Attaches @link. */
int keeper__attach(struct keeper *keeper, const struct keeper_link *link);

/* Like uprobe_event__open(). @file_fd: the file with the single breakpoint, or -1 for a group. */
int keeper__open_event(struct keeper *keeper, const struct uprobe_event *event, int prog_fd,
		       int file_fd);

/* Closes what is held under @number, which detaches it. Returns 0 or negative errno. */
int keeper__release(struct keeper *keeper, int number);

/*
 * Makes the keeper remove @group after it has released everything else. Call it before the group is
 * defined, so that it cannot be left behind. Returns 0 or negative errno.
 */
int keeper__remove_group(struct keeper *keeper, const struct uprobe_group *group);

/* A file descriptor that becomes readable when the keeper is gone. The keeper object owns it. */
int keeper__fd(const struct keeper *keeper);
