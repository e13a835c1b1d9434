// SPDX-License-Identifier: BSD-2-Clause
/* Attempts that only read or query. */
#include "attempts.h"

#include <linux/openat2.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static long read_memory(void)
{
	uint64_t word;
	struct iovec local = {&word, sizeof(word)},
		     remote = {(void *)(uintptr_t)scene.address, sizeof(word)};

	return process_vm_readv(scene.victim, &local, 1, &remote, 1, 0);
}

static long read_maps(void)
{
	char byte;
	int fd = (int)try_open_proc("maps", O_RDONLY);

	return fd < 0 ? fd : read(fd, &byte, 1);
}

static long read_pagemap(void)
{
	return try_open_proc("pagemap", O_RDONLY);
}

static long read_root(void)
{
	return try_open_proc("root/etc/hostname", O_RDONLY);
}

static long read_others_file(void)
{
	return try_open(scene.file, O_RDONLY);
}

static long read_shadow(void)
{
	return try_open("/etc/shadow", O_RDONLY);
}

static long ask_for_process(void)
{
	return kill(scene.victim, 0);
}

static long refer_by_openat2(void)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC};

	return syscall(SYS_openat2, AT_FDCWD, scene.file, &how, sizeof(how));
}

static long read_by_openat2(void)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC};

	return syscall(SYS_openat2, AT_FDCWD, scene.file, &how, sizeof(how));
}

const struct attempt attempts_to_read[] = {
	ATTEMPT(read_memory),	   ATTEMPT(read_maps),
	ATTEMPT(read_pagemap),	   ATTEMPT(read_root),
	ATTEMPT(read_others_file), ATTEMPT(read_shadow),
	ATTEMPT(ask_for_process),  ATTEMPT(refer_by_openat2),
	ATTEMPT(read_by_openat2),  {},
};
