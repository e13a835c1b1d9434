// SPDX-License-Identifier: BSD-2-Clause
/*
 * Confines itself as a process of the agent does, then attempts what such a process might be made to do, and prints a line for each:
 * its name, and "allowed" or "refused" (EPERM, EACCES, ENOSYS). Usage: attempts PART VICTIM ADDRESS SCRATCH
 *
 * PART: reader, probing-reader, keeper, broker, namer, server, connecting-server, runner, or none, which is not confined. VICTIM is a process of the
 * test's own, ADDRESS (hexadecimal) eight bytes of its memory, SCRATCH a directory. Each attempt is made by a process of its own, and changes
 * nothing where it works: what is written is what is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent/confinement.h"
#include "util/cleanup.h"

static struct {
	pid_t victim;
	uint64_t address;
	char file[256], directory[256], proc[64];
	char *arguments; /* where this process' arguments are */
} scene;

static const char *path_of(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", scene.proc, name);
	return path;
}

static long try_open(const char *path, int flags)
{
	return open(path, flags | O_CLOEXEC, 0600);
}

/* Reading is what is tried; a victim's word is the same before and after. */

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
	int fd = (int)try_open(path_of("maps"), O_RDONLY);

	return fd < 0 ? fd : read(fd, &byte, 1);
}

static long read_pagemap(void)
{
	return try_open(path_of("pagemap"), O_RDONLY);
}

static long read_root(void)
{
	return try_open(path_of("root/etc/hostname"), O_RDONLY);
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

/* What changes others. */

static long write_by_openat2(void)
{
	struct open_how how = {.flags = O_RDWR | O_CLOEXEC};

	return syscall(SYS_openat2, AT_FDCWD, scene.file, &how, sizeof(how));
}

static long write_proc_mem(void)
{
	uint64_t word = 0;
	int fd = (int)try_open(path_of("mem"), O_RDWR);

	if (fd < 0 || pread(fd, &word, sizeof(word), (off_t)scene.address) != sizeof(word))
		return -1;
	return pwrite(fd, &word, sizeof(word), (off_t)scene.address);
}

static long write_memory(void)
{
	/* The word that is there: its own address. */
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

/* SIGCONT does nothing to a process that goes on. */
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

/* What changes files. */

static long open_core_pattern(void)
{
	return try_open("/proc/sys/kernel/core_pattern", O_WRONLY);
}

static long open_shadow(void)
{
	return try_open("/etc/shadow", O_WRONLY);
}

static long create_in_cron(void)
{
	static const char path[] = "/etc/cron.d/.pyfrag-attempt";
	long fd = try_open(path, O_WRONLY | O_CREAT | O_EXCL);

	if (fd >= 0)
		unlink(path);
	return fd;
}

static long open_to_write(void)
{
	return try_open(scene.file, O_WRONLY);
}

static long open_read_write(void)
{
	return try_open(scene.file, O_RDWR);
}

static long open_to_append(void)
{
	return try_open(scene.file, O_APPEND | O_WRONLY);
}

static long open_to_truncate(void)
{
	return try_open(scene.file, O_RDONLY | O_TRUNC);
}

static long open_unnamed(void)
{
	return try_open(scene.directory, O_TMPFILE | O_RDWR);
}

static long open_by_old_call(void)
{
#ifdef SYS_open
	return syscall(SYS_open, scene.file, O_RDWR | O_CLOEXEC);
#else
	return open_read_write();
#endif
}

static long open_by_creat(void)
{
	return creat(scene.file, 0600);
}

static long open_null_to_write(void)
{
	return try_open("/dev/null", O_WRONLY);
}

static long truncate_file(void)
{
	return truncate(scene.file, 0);
}

static long change_mode(void)
{
	return chmod(scene.file, 0755);
}

static long change_owner(void)
{
	return chown(scene.file, 0, 0);
}

static long change_time(void)
{
	return utimensat(AT_FDCWD, scene.file, NULL, 0);
}

static long change_attribute(void)
{
	return setxattr(scene.file, "user.pyfrag", "x", 1, 0);
}

static long rename_file(void)
{
	return rename(scene.file, scene.file);
}

static const char *fresh_path(void)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/fresh", scene.directory);
	unlink(path);
	rmdir(path);
	return path;
}

static long link_file(void)
{
	return link(scene.file, fresh_path());
}

static long link_symbolically(void)
{
	return symlink("x", fresh_path());
}

static long make_directory(void)
{
	return mkdir(fresh_path(), 0700);
}

static long make_fifo(void)
{
	return mknod(fresh_path(), S_IFIFO | 0600, 0);
}

static long unlink_file(void)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/to-unlink-%d", scene.directory, getppid());
	return unlink(path);
}

static long ask_file_system(void)
{
	int fd = open(scene.directory, O_RDONLY | O_CLOEXEC), flags;

	return fd < 0 ? fd : ioctl(fd, FS_IOC_GETFLAGS, &flags);
}

/* A handle is as good as a path, and passes by all directories. */
static long open_by_handle(void)
{
	struct {
		struct file_handle handle;
		unsigned char bytes[128];
	} file = {.handle.handle_bytes = 128};
	int mount_id, directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (directory < 0 || name_to_handle_at(AT_FDCWD, "/etc", &file.handle, &mount_id, 0))
		return -1;
	return open_by_handle_at(directory, &file.handle, O_RDONLY);
}

/* What changes the kernel, or what this process is. */

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

/* An empty program is none: that is a failure, but not a refusal. */
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

/* Without its magic numbers it does nothing. */
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

/* Where to. */

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

static const struct attempt {
	const char *name;
	long (*run)(void);
} attempts[] = {
#define ATTEMPT(name)                                                                              \
	{                                                                                          \
#name, name                                                                        \
	}
	ATTEMPT(read_memory),
	ATTEMPT(read_maps),
	ATTEMPT(read_pagemap),
	ATTEMPT(read_root),
	ATTEMPT(read_others_file),
	ATTEMPT(read_shadow),
	ATTEMPT(ask_for_process),
	ATTEMPT(refer_by_openat2),
	ATTEMPT(read_by_openat2),
	ATTEMPT(write_by_openat2),
	ATTEMPT(write_proc_mem),
	ATTEMPT(write_memory),
	ATTEMPT(attach_ptrace),
	ATTEMPT(open_pidfd),
	ATTEMPT(take_descriptor),
	ATTEMPT(advise_process),
	ATTEMPT(signal_by_kill),
	ATTEMPT(signal_by_tgkill),
	ATTEMPT(signal_by_tkill),
	ATTEMPT(signal_by_sigqueue),
	ATTEMPT(signal_by_pidfd),
	ATTEMPT(signal_by_owner),
	ATTEMPT(limit_process),
	ATTEMPT(renice_process),
	ATTEMPT(pin_process),
	ATTEMPT(open_core_pattern),
	ATTEMPT(open_shadow),
	ATTEMPT(create_in_cron),
	ATTEMPT(open_to_write),
	ATTEMPT(open_read_write),
	ATTEMPT(open_to_append),
	ATTEMPT(open_to_truncate),
	ATTEMPT(open_unnamed),
	ATTEMPT(open_by_old_call),
	ATTEMPT(open_by_creat),
	ATTEMPT(open_null_to_write),
	ATTEMPT(truncate_file),
	ATTEMPT(change_mode),
	ATTEMPT(change_owner),
	ATTEMPT(change_time),
	ATTEMPT(change_attribute),
	ATTEMPT(rename_file),
	ATTEMPT(link_file),
	ATTEMPT(link_symbolically),
	ATTEMPT(make_directory),
	ATTEMPT(make_fifo),
	ATTEMPT(unlink_file),
	ATTEMPT(ask_file_system),
	ATTEMPT(open_by_handle),
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
#undef ATTEMPT
};

/* It tells by its exit status; a program that was executed ends with 0. */
static void make(const struct attempt *attempt)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		errno = 0;
		if (attempt->run() >= 0)
			_exit(0);
		_exit(errno == EPERM || errno == EACCES || errno == ENOSYS ? 1 : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("attempts");
		exit(1);
	}
	printf("%s %s\n", attempt->name,
	       WIFEXITED(status) && !WEXITSTATUS(status) ? "allowed" : "refused");
}

static int confine(const char *part, struct failure *failure)
{
	if (!strcmp(part, "reader"))
		return confinement__of_reader(false, failure);
	if (!strcmp(part, "probing-reader"))
		return confinement__of_reader(true, failure);
	if (!strcmp(part, "broker"))
		return confinement__of_broker(failure);
	if (!strcmp(part, "server"))
		return confinement__of_server(false, failure);
	if (!strcmp(part, "connecting-server"))
		return confinement__of_server(true, failure);
	if (!strcmp(part, "namer"))
		return confinement__of_namer(failure);
	if (!strcmp(part, "runner"))
		return confinement__of_runner(failure);
	if (!strcmp(part, "keeper"))
		return confinement__of_keeper();
	return strcmp(part, "none") != 0 ? -EINVAL : 0;
}

int main(int argc, char **argv)
{
	struct failure failure = {"no such part"};

	if (argc != 5) {
		fputs("usage: attempts PART VICTIM ADDRESS SCRATCH\n", stderr);
		return 1;
	}
	scene.victim = (pid_t)strtol(argv[2], NULL, 10);
	scene.address = strtoull(argv[3], NULL, 16);
	scene.arguments = argv[0];
	snprintf(scene.proc, sizeof(scene.proc), "/proc/%d", scene.victim);
	snprintf(scene.directory, sizeof(scene.directory), "%s", argv[4]);
	snprintf(scene.file, sizeof(scene.file), "%s/file", argv[4]);
	if (confine(argv[1], &failure)) {
		fprintf(stderr, "attempts: %s\n", failure.text);
		return 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++)
		make(&attempts[i]);
	fflush(stdout);
	/* It can still say that something is wrong within itself. */
	abort();
}
