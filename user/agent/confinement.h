/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each process of the agent may do after its start: its capabilities, system calls and files.
 * No single process can do what all of them together can do. None can write to another process, to
 * a file or to the kernel.
 *
 * reader: CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH and CAP_CHECKPOINT_RESTORE, with probes also CAP_BPF
 *	and CAP_PERFMON. It opens any file for reading with openat(), and reads memory with
 *	process_vm_readv(); with probes it calls bpf().
 * keeper: no capabilities, no files. It attaches BPF programs that it receives. On kernels without
 *	uprobe_multi it opens perf events for that, with CAP_PERFMON, or with CAP_SYS_ADMIN on
 *	kernels that require it (probes/uprobe_event.h).
 * broker: CAP_DAC_READ_SEARCH. It opens any file with openat2() and O_PATH, and can neither read
 *	nor write it.
 * namer:  no capabilities; it changes from root to nobody. It reads the files that its user may
 *	read, and connects to sockets.
 * server: no capabilities. It accepts connections. If alerts go to a URL, it also connects, and
 *	reads the files needed to resolve names and to check certificates; else it opens no file.
 * runner: no capabilities. It executes commands, which can do what programs of its user can do.
 */
#pragma once

#include <stdbool.h>

#include "util/failure.h"

/*
 * Each of these functions confines the calling process permanently. Call it before the process
 * creates threads. Errors are described.
 */
int confinement__of_reader(bool probes, struct failure *failure);
int confinement__of_broker(struct failure *failure);
int confinement__of_namer(struct failure *failure);
int confinement__of_runner(struct failure *failure);

/*
 * Returns negative errno without a description, as the keeper has no standard error. @opens_events:
 * set on kernels without uprobe_multi.
 */
int confinement__of_keeper(bool opens_events);

/* @connects: the server sends alerts to other hosts. */
int confinement__of_server(bool connects, struct failure *failure);
