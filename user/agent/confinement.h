/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each process of the agent may do once it has begun: its capabilities, the system calls it may make, the files it may
 * open. None of them may do what all of them together do, and none may write to another process, a file, or the kernel.
 *
 *           capabilities                     files                        besides
 *   reader  SYS_PTRACE, DAC_READ_SEARCH,     any, by openat(), to read    process_vm_readv(); with probes bpf(),
 *           CHECKPOINT_RESTORE; with                                      perf_event_open()
 *           probes BPF, PERFMON
 *   keeper  none                             none                         attaches BPF programs that it is given, with probes
 *   broker  DAC_READ_SEARCH                  any, by openat2(), but not   only refers to them (O_PATH)
 *                                            to read or write
 *   server  none                             what resolving names and     accepts connections; connects if alerts go to
 *                                            TLS take, if it connects     a URL
 *   namer   none; if root, it is nobody  any, to read as its user     connects, also to sockets of files
 *   runner  none                             as the user it runs as       executes commands
 */
#pragma once

#include <stdbool.h>

#include "util/failure.h"

/* Each confines the calling process, for good, before it has threads. Errors are described. */
int confinement__of_reader(bool probes, struct failure *failure);
int confinement__of_keeper(
	void); /* returns negative errno and describes nothing, as it has no standard error */
int confinement__of_broker(struct failure *failure);
int confinement__of_namer(struct failure *failure);
int confinement__of_runner(struct failure *failure);

/* @connects: it connects to others. */
int confinement__of_server(bool connects, struct failure *failure);
