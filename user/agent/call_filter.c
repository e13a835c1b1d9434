// SPDX-License-Identifier: BSD-2-Clause
#include "agent/call_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/nsfs.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "target/live_pages.h"
#include "util/cleanup.h"

#define CALL(name) SCMP_SYS(name)
/* Arguments of int: the upper half of the register is anything. */
#define LOW_BITS 0xffffffffUL

/* What each of them takes: its memory, time, descriptors it has, threads, its end. */
static const int common[] = {
	CALL(read),
	CALL(readv),
	CALL(pread64),
	CALL(write),
	CALL(writev),
	CALL(close),
	CALL(close_range),
	CALL(fstat),
	CALL(newfstatat),
	CALL(lseek),
	CALL(poll),
	CALL(ppoll),
	CALL(sendto),
	CALL(sendmsg),
	CALL(recvfrom),
	CALL(recvmsg),
	CALL(shutdown),
	CALL(brk),
	CALL(munmap),
	CALL(mremap),
	CALL(madvise),
	CALL(futex),
	CALL(set_robust_list),
	CALL(set_tid_address),
	CALL(rseq),
	CALL(membarrier),
	CALL(sched_yield),
	CALL(getpid),
	CALL(gettid),
	CALL(getuid),
	CALL(geteuid),
	CALL(getgid),
	CALL(getegid),
	CALL(getppid),
	CALL(clock_gettime),
	CALL(clock_getres),
	CALL(clock_nanosleep),
	CALL(nanosleep),
	CALL(gettimeofday),
	CALL(getrandom),
	CALL(uname),
	CALL(getrusage),
	CALL(sysinfo),
	CALL(rt_sigaction),
	CALL(rt_sigprocmask),
	CALL(rt_sigreturn),
	CALL(sigaltstack),
	CALL(restart_syscall),
	CALL(exit),
	CALL(exit_group),
	CALL(sched_getaffinity),
	CALL(wait4),
	CALL(waitid),
};

/* To find files, and look at them. Opening is judged by its flags. */
static const int finding[] = {
	CALL(stat),	  CALL(lstat),	  CALL(statx),	    CALL(access),     CALL(faccessat),
	CALL(faccessat2), CALL(readlink), CALL(readlinkat), CALL(getdents64), CALL(statfs),
	CALL(fstatfs),	  CALL(dup),	  CALL(dup3),	    CALL(dup2),
};

/* To wait for many descriptors. */
static const int waiting[] = {
	CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_wait),	    CALL(epoll_pwait),
	CALL(eventfd2),	     CALL(pipe2),     CALL(timerfd_create), CALL(timerfd_settime),
	CALL(pselect6),	     CALL(select),
};

static const int reading[] = {CALL(process_vm_readv), CALL(pidfd_open)};
static const int probing[] = {CALL(bpf)};
static const int broking[] = {CALL(openat2)};
static const int serving[] = {CALL(accept4), CALL(accept)};
static const int asking[] = {CALL(getsockname), CALL(getpeername), CALL(setsockopt),
			     CALL(getsockopt)};
static const int connecting[] = {CALL(connect), CALL(bind), CALL(sendmmsg), CALL(recvmmsg)};

/* Not even for an administrator's command. */
static const int privileged[] = {
	CALL(process_vm_writev),
	CALL(ptrace),
	CALL(pidfd_getfd),
	CALL(open_by_handle_at),
	CALL(mount),
	CALL(umount2),
	CALL(move_mount),
	CALL(open_tree),
	CALL(fsopen),
	CALL(fsmount),
	CALL(pivot_root),
	CALL(chroot),
	CALL(setns),
	CALL(unshare),
	CALL(init_module),
	CALL(finit_module),
	CALL(delete_module),
	CALL(kexec_load),
	CALL(kexec_file_load),
	CALL(reboot),
	CALL(swapon),
	CALL(swapoff),
	CALL(sethostname),
	CALL(setdomainname),
	CALL(settimeofday),
	CALL(clock_settime),
	CALL(add_key),
	CALL(request_key),
	CALL(keyctl),
	CALL(userfaultfd),
	CALL(process_madvise),
	CALL(setuid),
	CALL(setgid),
	CALL(setresuid),
	CALL(setresgid),
	/* What of these has another name for programs of 32 bits. */
	CALL(umount),
	CALL(stime),
	CALL(clock_settime64),
	CALL(setuid32),
	CALL(setgid32),
	CALL(setresuid32),
	CALL(setresgid32),
	CALL(personality),
	CALL(io_uring_setup),
	CALL(bpf),
	CALL(perf_event_open),
};

/* Programs that are forked by a command have namespaces of their own as little as it has. */
#define NAMESPACES                                                                                 \
	((uint64_t)(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |  \
		    CLONE_NEWPID | CLONE_NEWNET))

static int allow(scmp_filter_ctx filter, const int *calls, size_t cnt)
{
	int err = 0;

	for (size_t i = 0; i < cnt && !err; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return err;
}

#define ALLOW(filter, calls) allow(filter, calls, ARRAY_SIZE(calls))

static int allow_if(scmp_filter_ctx filter, int call, struct scmp_arg_cmp condition)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, condition);
}

static struct scmp_arg_cmp compare(unsigned int argument, uint64_t mask, uint64_t value)
{
	return (struct scmp_arg_cmp){.arg = argument,
				     .op = SCMP_CMP_MASKED_EQ,
				     .datum_a = mask,
				     .datum_b = value};
}

/* Whose argument is one of these, by its lower 32 bits. */
static int allow_values(scmp_filter_ctx filter, int call, unsigned int argument,
			const uint64_t *values, size_t cnt)
{
	int err = 0;

	for (size_t i = 0; i < cnt && !err; i++)
		err = allow_if(filter, call, compare(argument, LOW_BITS, values[i]));
	return err;
}

/* Whose argument has none of these bits. */
static int allow_without(scmp_filter_ctx filter, int call, unsigned int argument, uint64_t bits)
{
	return allow_if(filter, call, compare(argument, bits, 0));
}

/* Memory is never made of code: what runs is what the loader has mapped. */
static int allow_data(scmp_filter_ctx filter)
{
	int err = allow_without(filter, CALL(mmap), 2, PROT_EXEC);

	return err ? err : allow_without(filter, CALL(mprotect), 2, PROT_EXEC);
}

/* O_TMPFILE has a bit of its own, which is not among these. */
static int allow_opening_to_read(scmp_filter_ctx filter)
{
	const uint64_t harmless = O_CLOEXEC | O_NOFOLLOW | O_DIRECTORY | O_NONBLOCK | O_NOCTTY |
				  O_PATH | O_LARGEFILE | O_NOATIME;
	int err = allow_without(filter, CALL(openat), 2, LOW_BITS & ~harmless);

	return err ? err : allow_without(filter, CALL(open), 1, LOW_BITS & ~harmless);
}

/* F_SETOWN and F_SETSIG are a way to send signals. */
static int allow_own_descriptors(scmp_filter_ctx filter)
{
	static const uint64_t verbs[] = {F_GETFD, F_SETFD, F_GETFL,
					 F_SETFL, F_DUPFD, F_DUPFD_CLOEXEC};

	return allow_values(filter, CALL(fcntl), 1, verbs, ARRAY_SIZE(verbs));
}

/* Threads, and processes in the same namespaces. */
static int allow_threads(scmp_filter_ctx filter)
{
	int err = allow_without(filter, CALL(clone), 0, NAMESPACES);

	return err ? err : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0);
}

/* abort() signals the thread itself; kill(pid, 0) asks whether a process is there. */
static int allow_own_signals(scmp_filter_ctx filter)
{
	return allow_if(filter, CALL(tgkill), compare(0, LOW_BITS, (uint64_t)getpid()));
}

static int allow_own_names(scmp_filter_ctx filter)
{
	static const uint64_t verbs[] = {PR_SET_NAME, PR_SET_PDEATHSIG};

	return allow_values(filter, CALL(prctl), 0, verbs, ARRAY_SIZE(verbs));
}

static int allow_common(scmp_filter_ctx filter)
{
	int err = ALLOW(filter, common);

	if (!err)
		err = allow_data(filter);
	if (!err)
		err = allow_own_signals(filter);
	if (!err)
		err = allow_own_descriptors(filter);
	return err;
}

/* What reads files and runs threads. */
static int allow_program(scmp_filter_ctx filter)
{
	int err = allow_common(filter);

	if (!err)
		err = ALLOW(filter, finding);
	if (!err)
		err = ALLOW(filter, waiting);
	if (!err)
		err = allow_opening_to_read(filter);
	if (!err)
		err = allow_threads(filter);
	if (!err)
		err = allow_own_names(filter);
	/* A datagram socket of a pair could be connected to anything later. */
	if (!err)
		err = allow_if(filter, CALL(socketpair),
			       compare(1, LOW_BITS & ~(uint64_t)(SOCK_CLOEXEC | SOCK_NONBLOCK),
				       SOCK_STREAM));
	/* The limits of this process, which are read. */
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(prlimit64), 2,
				       compare(0, LOW_BITS, 0), compare(2, UINT64_MAX, 0));
	return err;
}

static int fill_for_reader(scmp_filter_ctx filter, bool probes)
{
	static const uint64_t verbs[] = {LIVE_PAGES_IOCTL, NS_GET_PARENT, NS_GET_OWNER_UID};
	int err = allow_program(filter);

	if (!err)
		err = ALLOW(filter, reading);
	if (!err)
		err = allow_values(filter, CALL(ioctl), 1, verbs, ARRAY_SIZE(verbs));
	if (!err)
		err = allow_if(filter, CALL(kill), compare(1, LOW_BITS, 0));
	if (!err && probes)
		err = ALLOW(filter, probing);
	return err;
}

static int fill_for_keeper(scmp_filter_ctx filter, bool opens_events)
{
	static const uint64_t verbs[] = {BPF_LINK_CREATE};
	int err = allow_common(filter);

	if (!err)
		err = allow_threads(filter);
	if (!err && opens_events)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(perf_event_open), 0);
	if (!err && opens_events)
		err = allow_if(filter, CALL(ioctl), compare(1, LOW_BITS, PERF_EVENT_IOC_SET_BPF));
	return err ? err : allow_values(filter, CALL(bpf), 0, verbs, ARRAY_SIZE(verbs));
}

static int fill_for_broker(scmp_filter_ctx filter)
{
	int err = allow_common(filter);

	if (!err)
		err = allow_threads(filter);
	return err ? err : ALLOW(filter, broking);
}

/* Not AF_UNIX: behind such sockets are services that obey root (a container runtime, for one). */
static int fill_for_server(scmp_filter_ctx filter, bool connects)
{
	static const uint64_t families[] = {AF_INET, AF_INET6, AF_NETLINK},
			      verbs[] = {FIONBIO, FIONREAD};
	int err = allow_program(filter);

	if (!err)
		err = ALLOW(filter, serving);
	if (!err)
		err = ALLOW(filter, asking);
	if (!err)
		err = allow_values(filter, CALL(ioctl), 1, verbs, ARRAY_SIZE(verbs));
	if (!err && connects)
		err = ALLOW(filter, connecting);
	if (!err && connects)
		err = allow_values(filter, CALL(socket), 0, families, ARRAY_SIZE(families));
	return err;
}

static int fill_for_namer(scmp_filter_ctx filter)
{
	static const uint64_t families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK},
			      verbs[] = {FIONBIO, FIONREAD};
	int err = allow_program(filter);

	if (!err)
		err = ALLOW(filter, connecting);
	if (!err)
		err = ALLOW(filter, asking);
	if (!err)
		err = allow_values(filter, CALL(ioctl), 1, verbs, ARRAY_SIZE(verbs));
	return err ? err : allow_values(filter, CALL(socket), 0, families, ARRAY_SIZE(families));
}

/*
 * Programs of 32 bits have system calls of their own, with other numbers: the kernel ends whoever
 * makes one that the filter does not know the numbers of. Only a command of the administrator's may
 * be such a program; its calls are filtered as the others are.
 */
static int add_32_bits(scmp_filter_ctx filter)
{
#if defined(__x86_64__)
	return seccomp_arch_add(filter, SCMP_ARCH_X86);
#elif defined(__aarch64__)
	return seccomp_arch_add(filter, SCMP_ARCH_ARM);
#else
	(void)filter;
	return 0;
#endif
}

static int fill_for_runner(scmp_filter_ctx filter)
{
	int err = add_32_bits(filter);

	for (size_t i = 0; i < ARRAY_SIZE(privileged) && !err; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), privileged[i], 0);
	return err;
}

static int load(scmp_filter_ctx filter, int err, struct failure *failure)
{
	if (!err)
		err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	/* As far as the kernel can: from 4.14 on. */
	if (!err)
		seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err ? failure__set(failure, err, "cannot filter system calls: %s", strerror(-err))
		   : 0;
}

static scmp_filter_ctx begin(uint32_t action, struct failure *failure)
{
	scmp_filter_ctx filter = seccomp_init(action);

	if (!filter)
		failure__set(failure, -ENOMEM, "cannot filter system calls: out of memory");
	return filter;
}

int call_filter__for_reader(bool probes, struct failure *failure)
{
	scmp_filter_ctx filter = begin(SCMP_ACT_ERRNO(EPERM), failure);

	return filter ? load(filter, fill_for_reader(filter, probes), failure) : -ENOMEM;
}

int call_filter__for_keeper(bool opens_events, struct failure *failure)
{
	scmp_filter_ctx filter = begin(SCMP_ACT_ERRNO(EPERM), failure);

	return filter ? load(filter, fill_for_keeper(filter, opens_events), failure) : -ENOMEM;
}

int call_filter__for_broker(struct failure *failure)
{
	scmp_filter_ctx filter = begin(SCMP_ACT_ERRNO(EPERM), failure);

	return filter ? load(filter, fill_for_broker(filter), failure) : -ENOMEM;
}

int call_filter__for_server(bool connects, struct failure *failure)
{
	scmp_filter_ctx filter = begin(SCMP_ACT_ERRNO(EPERM), failure);

	return filter ? load(filter, fill_for_server(filter, connects), failure) : -ENOMEM;
}

int call_filter__for_namer(struct failure *failure)
{
	scmp_filter_ctx filter = begin(SCMP_ACT_ERRNO(EPERM), failure);

	return filter ? load(filter, fill_for_namer(filter), failure) : -ENOMEM;
}

int call_filter__for_runner(struct failure *failure)
{
	scmp_filter_ctx filter = begin(SCMP_ACT_ALLOW, failure);

	return filter ? load(filter, fill_for_runner(filter), failure) : -ENOMEM;
}
