// SPDX-License-Identifier: BSD-2-Clause
#include "target/beneath_root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "target/live_proc.h"
#include "target/memory_thread.h"

int beneath_root__open_root(pid_t pid)
{
	return live_proc__open(pid, memory_thread__entry(pid, "root").name, O_PATH | O_DIRECTORY);
}

static int open_here(int root_fd, const char *path)
{
	const struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/* NULL: this process opens paths itself. */
static beneath_root_fn *open_elsewhere;

void beneath_root__open_by(beneath_root_fn *open_path)
{
	open_elsewhere = open_path;
}

int beneath_root__open_path(int root_fd, const char *path)
{
	return open_elsewhere ? open_elsewhere(root_fd, path) : open_here(root_fd, path);
}
