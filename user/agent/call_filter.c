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
/* For int arguments: the upper half of the register is undefined. */
#define LOW_BITS 0xffffffffUL

/* Needed by every process: its memory, time, open descriptors, threads, exit. */
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

/* Finding and examining files. Opening is allowed separately, depending on the flags. */
static const int finding[] = {
	CALL(stat),	  CALL(lstat),	  CALL(statx),	    CALL(access),     CALL(faccessat),
	CALL(faccessat2), CALL(readlink), CALL(readlinkat), CALL(getdents64), CALL(statfs),
	CALL(fstatfs),	  CALL(dup),	  CALL(dup3),	    CALL(dup2),
};

/* Waiting for many descriptors. */
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

/* Refused even for the administrator's commands. */
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
	/* Other names of these in the 32-bit system call table. */
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

/* Flags of clone() that create namespaces; the administrator's commands cannot use these either. */
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

/* Allows @call if the lower 32 bits of its argument are one of @values. */
static int allow_values(scmp_filter_ctx filter, int call, unsigned int argument,
			const uint64_t *values, size_t cnt)
{
	int err = 0;

	for (size_t i = 0; i < cnt && !err; i++)
		err = allow_if(filter, call, compare(argument, LOW_BITS, values[i]));
	return err;
}

/* Allows @call if its argument has none of @bits. */
static int allow_without(scmp_filter_ctx filter, int call, unsigned int argument, uint64_t bits)
{
	return allow_if(filter, call, compare(argument, bits, 0));
}

/* No memory can be made executable: the process runs only code that is already mapped. */
static int allow_data(scmp_filter_ctx filter)
{
	int err = allow_without(filter, CALL(mmap), 2, PROT_EXEC);

	return err ? err : allow_without(filter, CALL(mprotect), 2, PROT_EXEC);
}

/* Does not include O_TMPFILE, which has a bit of its own. */
static int allow_opening_to_read(scmp_filter_ctx filter)
{
	const uint64_t harmless = O_CLOEXEC | O_NOFOLLOW | O_DIRECTORY | O_NONBLOCK | O_NOCTTY |
				  O_PATH | O_LARGEFILE | O_NOATIME;
	int err = allow_without(filter, CALL(openat), 2, LOW_BITS & ~harmless);

	return err ? err : allow_without(filter, CALL(open), 1, LOW_BITS & ~harmless);
}

/* Excludes F_SETOWN and F_SETSIG, which can send signals. */
static int allow_own_descriptors(scmp_filter_ctx filter)
{
	static const uint64_t verbs[] = {F_GETFD, F_SETFD, F_GETFL,
					 F_SETFL, F_DUPFD, F_DUPFD_CLOEXEC};

	return allow_values(filter, CALL(fcntl), 1, verbs, ARRAY_SIZE(verbs));
}

/* Threads, and processes without new namespaces. */
static int allow_threads(scmp_filter_ctx filter)
{
	int err = allow_without(filter, CALL(clone), 0, NAMESPACES);

	return err ? err : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0);
}

/* abort() signals the thread itself; kill(pid, 0) tests whether a process exists. */
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

/* What any process needs that reads files and has threads. */
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
	/*
	 * Stream sockets only: a datagram socket of a pair could later be connected to any address.
	 */
	if (!err)
		err = allow_if(filter, CALL(socketpair),
			       compare(1, LOW_BITS & ~(uint64_t)(SOCK_CLOEXEC | SOCK_NONBLOCK),
				       SOCK_STREAM));
	/* Only reads the limits of this process. */
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

/* Excludes AF_UNIX: services that trust root listen there, for example a container runtime. */
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
 * 32-bit programs use system calls with other numbers. Without these numbers in the filter, the
 * kernel kills the program. Only the administrator's commands may be 32-bit programs; their calls
 * are filtered in the same way.
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
	/* Optional, as kernels before 4.14 do not support it. */
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
