// SPDX-License-Identifier: BSD-2-Clause
/* Attempts that change another process. */
#include "attempts.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static long write_proc_mem(void)
{
	uint64_t word = 0;
	int fd = (int)try_open_proc("mem", O_RDWR);

	if (fd < 0 || pread(fd, &word, sizeof(word), (off_t)scene.address) != sizeof(word))
		return -1;
	return pwrite(fd, &word, sizeof(word), (off_t)scene.address);
}

static long write_memory(void)
{
	/* The word that is already there: its own address. */
	uint64_t word = scene.address;
	struct iovec local = {&word, sizeof(word)},
		     remote = {(void *)(uintptr_t)scene.address, sizeof(word)};

	return process_vm_writev(scene.victim, &local, 1, &remote, 1, 0);
}

static long attach_ptrace(void)
{
	long result = ptrace(PTRACE_SEIZE, scene.victim, NULL, NULL);

	if (!result)
		ptrace(PTRACE_DETACH, scene.victim, NULL, NULL);
	return result;
}

static long open_pidfd(void)
{
	return syscall(SYS_pidfd_open, scene.victim, 0);
}

static long take_descriptor(void)
{
	int fd = (int)open_pidfd();

	return fd < 0 ? fd : syscall(SYS_pidfd_getfd, fd, 0, 0);
}

static long advise_process(void)
{
	struct iovec page = {(void *)(uintptr_t)(scene.address & ~4095UL), 4096};
	int fd = (int)open_pidfd();

	return fd < 0 ? fd : syscall(SYS_process_madvise, fd, &page, 1, MADV_COLD, 0);
}

/* SIGCONT does nothing to a process that is not stopped. */
static long signal_by_kill(void)
{
	return kill(scene.victim, SIGCONT);
}

static long signal_by_tgkill(void)
{
	return syscall(SYS_tgkill, scene.victim, scene.victim, SIGCONT);
}

static long signal_by_tkill(void)
{
	return syscall(SYS_tkill, scene.victim, SIGCONT);
}

static long signal_by_sigqueue(void)
{
	return sigqueue(scene.victim, SIGCONT, (union sigval){0});
}

static long signal_by_pidfd(void)
{
	int fd = (int)open_pidfd();

	return fd < 0 ? fd : syscall(SYS_pidfd_send_signal, fd, SIGCONT, NULL, 0);
}

static long signal_by_owner(void)
{
	int fds[2];

	return pipe(fds) ? -1 : fcntl(fds[0], F_SETOWN, scene.victim);
}

static long limit_process(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_CORE, &limit);
	return prlimit(scene.victim, RLIMIT_CORE, &limit, NULL);
}

static long renice_process(void)
{
	return setpriority(PRIO_PROCESS, (id_t)scene.victim, 0);
}

static long pin_process(void)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	return sched_setaffinity(scene.victim, sizeof(all), &all);
}

const struct attempt attempts_on_processes[] = {
	ATTEMPT(write_proc_mem),  ATTEMPT(write_memory),
	ATTEMPT(attach_ptrace),	  ATTEMPT(open_pidfd),
	ATTEMPT(take_descriptor), ATTEMPT(advise_process),
	ATTEMPT(signal_by_kill),  ATTEMPT(signal_by_tgkill),
	ATTEMPT(signal_by_tkill), ATTEMPT(signal_by_sigqueue),
	ATTEMPT(signal_by_pidfd), ATTEMPT(signal_by_owner),
	ATTEMPT(limit_process),	  ATTEMPT(renice_process),
	ATTEMPT(pin_process),	  {},
};
