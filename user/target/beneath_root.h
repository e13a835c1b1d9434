/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file by its name as a target sees it. The name, and every link on the way, is the target's to
 * choose: so the path is resolved below the target's root and nowhere else, and what it leads to is
 * only referred to (O_PATH), not opened. That never waits for a FIFO's other end, starts no device,
 * and gives nobody a descriptor to read from.
 */
#pragma once

#include <sys/types.h>

/* The root directory of process @pid, as an O_PATH descriptor (the caller's), or negative errno. */
int beneath_root__open_root(pid_t pid);

/*
 * Refers to @path, which begins with a slash, below @root_fd: symbolic links are followed there,
 * those of /proc that lead anywhere (magic links) are refused. Returns an O_PATH descriptor, the
 * caller's, or negative errno: -ELOOP for a magic link, -EAGAIN where directories are renamed all
 * the time. Source: openat2(2), RESOLVE_IN_ROOT.
 */
int beneath_root__open_path(int root_fd, const char *path);

/*
 * What does that in place of this process, which may not use openat2(); before there are threads.
 */
typedef int beneath_root_fn(int root_fd, const char *path);
void beneath_root__open_by(beneath_root_fn *open_path);
