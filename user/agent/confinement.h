/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each process of the agent may do once it has begun: its capabilities, the system calls it
 * may make, the files it may open. None of them may do what all of them together do, and none may
 * write to another process, a file, or the kernel.
 *
 * reader: CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH and CAP_CHECKPOINT_RESTORE, with probes also CAP_BPF
 *	and CAP_PERFMON. It opens any file by openat(), to read, and reads memory by
 *	process_vm_readv(); with probes it calls bpf().
 * keeper: no capabilities, no files. With probes, it attaches BPF programs that it is given; on
 *	kernels without uprobe_multi it opens perf events for that, with CAP_PERFMON, or
 *	CAP_SYS_ADMIN where those take that (probes/uprobe_event.h).
 * broker: CAP_DAC_READ_SEARCH. It refers to any file by openat2(), but may not read or write it.
 * namer: no capabilities, and if it is root it becomes nobody. It opens files to read, as its user,
 *	and connects to sockets.
 * server: no capabilities. It accepts connections. If alerts go to a URL it connects, and reads the
 *	files that resolving names and checking certificates take; else it opens no file.
 * runner: no capabilities. It executes commands, which do what programs of its user do.
 */
#pragma once

#include <stdbool.h>

#include "util/failure.h"

/* Each confines the calling process, for good, before it has threads. Errors are described. */
int confinement__of_reader(bool probes, struct failure *failure);
int confinement__of_broker(struct failure *failure);
int confinement__of_namer(struct failure *failure);
int confinement__of_runner(struct failure *failure);

/*
 * Returns negative errno and describes nothing, as it has no standard error. @opens_events: on
 * kernels without uprobe_multi.
 */
int confinement__of_keeper(bool opens_events);

/* @connects: it connects to others. */
int confinement__of_server(bool connects, struct failure *failure);
