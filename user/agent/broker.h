/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that refers to files by a target's names for them. The reader does not do that
 * itself: openat2() has its flags in memory, where no filter of system calls can see that they are
 * for reading only. The broker has no other use for openat2() than the one of
 * beneath_root__open_path(), and may open no file itself.
 *
 * Names are a target's to choose, and so a file system's that answers when it likes (FUSE): each
 * request has a thread of its own, and a socket of its own for the answer. Who asks waits in a
 * thread that may be late.
 */
#pragma once

#include "agent/part.h"

/*
 * What it does; a struct part_options' run, on a socket that keeps messages apart (SOCK_SEQPACKET).
 */
int broker__run(int fd, const void *context);

/* The other side: from then on beneath_root__open_path() asks the broker at @fd. */
void broker__use(int fd);
