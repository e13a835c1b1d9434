// SPDX-License-Identifier: BSD-2-Clause
/* Attempts that change the kernel, this process' identity, or its connections. */
#include "attempts.h"

#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static long new_user_namespace(void)
{
	return unshare(CLONE_NEWUSER);
}

static long clone_into_namespace(void)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

	if (!pid)
		_exit(0);
	return pid;
}

static long clone_by_clone3(void)
{
	struct clone_args {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	} arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
	long pid = syscall(SYS_clone3, &arguments, sizeof(arguments));

	if (!pid)
		_exit(0);
	return pid;
}

static long enter_namespace(void)
{
	int fd = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? fd : setns(fd, 0);
}

static long load_bpf(void)
{
	union bpf_attr attributes = {.map_type = BPF_MAP_TYPE_ARRAY,
				     .key_size = 4,
				     .value_size = 4,
				     .max_entries = 1};

	return syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes));
}

static long open_perf_event(void)
{
	struct perf_event_attr attributes = {.type = PERF_TYPE_SOFTWARE,
					     .size = sizeof(attributes),
					     .config = PERF_COUNT_SW_DUMMY};

	return syscall(SYS_perf_event_open, &attributes, scene.victim, -1, -1, 0);
}

static long set_up_io_uring(void)
{
	char parameters[256] = {};

	return syscall(SYS_io_uring_setup, 1, parameters);
}

static long make_userfaultfd(void)
{
	return syscall(SYS_userfaultfd, O_CLOEXEC);
}

static long execute(void)
{
	execl("/bin/true", "true", NULL);
	return -1;
}

/* An empty program cannot be executed: the call fails, but it is not refused. */
static long execute_memory(void)
{
	int fd = memfd_create("attempt", MFD_CLOEXEC);
	char *none[] = {NULL};

	return fd < 0 ? fd : syscall(SYS_execveat, fd, "", none, none, AT_EMPTY_PATH);
}

static long execute_directly(void)
{
	char *none[] = {NULL};

	return syscall(SYS_execveat, AT_FDCWD, scene.file, none, none, 0);
}

static long map_code(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? -1 : 0;
}

static long make_code(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? -1 : mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static long mount_tmpfs(void)
{
	return mount("tmpfs", scene.directory, "tmpfs", 0, NULL);
}

static long open_file_system(void)
{
	return syscall(SYS_fsopen, "tmpfs", 0);
}

static long clone_mount(void)
{
	return syscall(SYS_open_tree, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */);
}

static long change_root(void)
{
	return chroot("/");
}

static long change_user(void)
{
	return setuid(65534);
}

static long change_group(void)
{
	return setresgid(65534, 65534, 65534);
}

static long change_arguments(void)
{
	return prctl(PR_SET_MM, PR_SET_MM_ARG_START, scene.arguments, 0, 0);
}

static long change_personality(void)
{
	return personality(ADDR_NO_RANDOMIZE);
}

static long name_host(void)
{
	char name[256] = "";

	gethostname(name, sizeof(name) - 1);
	return sethostname(name, strlen(name));
}

static long load_module(void)
{
	return syscall(SYS_init_module, NULL, 0, "");
}

static long load_kernel(void)
{
	return syscall(SYS_kexec_load, 0, 0, NULL, -1UL);
}

/* Does nothing without its magic numbers. */
static long reboot_host(void)
{
	return syscall(SYS_reboot, 0, 0, 0, NULL);
}

static long add_key(void)
{
	return syscall(SYS_add_key, "user", "attempt", "x", 1, -2 /* KEY_SPEC_PROCESS_KEYRING */);
}

static long share_memory(void)
{
	return syscall(SYS_shmget, 0, 4096, 0600);
}

static long socket_inet(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static long socket_inet6(void)
{
	return socket(AF_INET6, SOCK_DGRAM, 0);
}

static long socket_unix(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static long socket_packet(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0);
}

static long pair_datagrams(void)
{
	int fds[2];

	return socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds);
}

const struct attempt attempts_on_kernel[] = {
	ATTEMPT(new_user_namespace),
	ATTEMPT(clone_into_namespace),
	ATTEMPT(clone_by_clone3),
	ATTEMPT(enter_namespace),
	ATTEMPT(load_bpf),
	ATTEMPT(open_perf_event),
	ATTEMPT(set_up_io_uring),
	ATTEMPT(make_userfaultfd),
	ATTEMPT(execute),
	ATTEMPT(execute_memory),
	ATTEMPT(execute_directly),
	ATTEMPT(map_code),
	ATTEMPT(make_code),
	ATTEMPT(mount_tmpfs),
	ATTEMPT(open_file_system),
	ATTEMPT(clone_mount),
	ATTEMPT(change_root),
	ATTEMPT(change_user),
	ATTEMPT(change_group),
	ATTEMPT(change_arguments),
	ATTEMPT(change_personality),
	ATTEMPT(name_host),
	ATTEMPT(load_module),
	ATTEMPT(load_kernel),
	ATTEMPT(reboot_host),
	ATTEMPT(add_key),
	ATTEMPT(share_memory),
	ATTEMPT(socket_inet),
	ATTEMPT(socket_inet6),
	ATTEMPT(socket_unix),
	ATTEMPT(socket_packet),
	ATTEMPT(pair_datagrams),
	{},
};
