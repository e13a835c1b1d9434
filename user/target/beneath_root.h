/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens a file by its path as a target sees it. The target controls the path and every link on the
 * way, so the path is resolved below the target's root and nowhere else. The result only refers to
 * the file (O_PATH), which is not opened: this never waits for the other end of a FIFO, never
 * starts a device, and gives nobody a descriptor to read from.
 */
#pragma once

#include <sys/types.h>

/*
 * Returns an O_PATH descriptor of the root directory of process @pid, which the caller closes, or
 * negative errno.
 */
int beneath_root__open_root(pid_t pid);

/*
 * Returns an O_PATH descriptor of @path, which begins with a slash, below @root_fd; the caller
 * closes it. Symbolic links are resolved below @root_fd, too; magic links (those of /proc that lead
 * anywhere) are refused. Errors: -ELOOP for a magic link, -EAGAIN if directories keep being
 * renamed, or another negative errno. Source: openat2(2), RESOLVE_IN_ROOT.
 */
int beneath_root__open_path(int root_fd, const char *path);

/*
 * Opens paths in place of this process, which may not call openat2(). Set it before any thread is
 * started.
 */
typedef int beneath_root_fn(int root_fd, const char *path);
void beneath_root__open_by(beneath_root_fn *open_path);
