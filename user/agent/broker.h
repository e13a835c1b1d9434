/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that opens paths chosen by a target, with O_PATH. The reader does not do this itself:
 * openat2() takes its flags from memory, where a seccomp filter cannot check that they only ask for
 * reading. The broker uses openat2() only through beneath_root__open_path(), and its filter allows
 * no other way to open a file.
 *
 * A target chooses the paths, and so may choose a file system that answers whenever it likes
 * (FUSE). Therefore each request has its own thread in the broker and its own socket for the
 * answer. The caller waits in a thread that is allowed to be late.
 */
#pragma once

#include "agent/part.h"

/*
 * The run function of its struct part_options. @fd is a socket that preserves message boundaries
 * (SOCK_SEQPACKET).
 */
int broker__run(int fd, const void *context);

/*
 * For the clients of the broker: makes beneath_root__open_path() of this process ask the broker at
 * @fd.
 */
void broker__use(int fd);
