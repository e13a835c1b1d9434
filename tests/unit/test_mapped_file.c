// SPDX-License-Identifier: BSD-2-Clause
/*
 * Files that this process maps, opened by itself and by an unprivileged child: the opened file must
 * be the mapped one and no other, and opening must not block, whatever has the file's name now.
 */
#include "target/mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "child.h"
#include "target/live.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define PAGE 4096UL

static struct target *open_process(pid_t pid)
{
	struct target *target = NULL;
	struct failure failure;

	assert_int_equal(live__open(&target, pid, &failure), 0);
	return target;
}

static uint64_t address_of(const volatile void *pointer)
{
	return (uint64_t)(uintptr_t)pointer;
}

/* A mapped file of two pages: the first of 'a', the second of 'b'. */
struct sample {
	char path[64];
	struct stat status;
	char *bytes; /* the second page */
};

static void make_sample(struct sample *file)
{
	_cleanup_close_ int fd = -1;
	char page[PAGE];

	snprintf(file->path, sizeof(file->path), "/tmp/test_mapped_file a b.XXXXXX");
	fd = mkstemp(file->path);
	assert_true(fd >= 0);
	memset(page, 'a', sizeof(page));
	assert_int_equal(write(fd, page, sizeof(page)), sizeof(page));
	memset(page, 'b', sizeof(page));
	assert_int_equal(write(fd, page, sizeof(page)), sizeof(page));
	assert_int_equal(fstat(fd, &file->status), 0);
	file->bytes = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE);
	assert_ptr_not_equal(file->bytes, MAP_FAILED);
}

static int find_and_open(const struct target *target, const struct mapping *mapping)
{
	_cleanup_(mapped_file__release) struct mapped_file file = {.path_fd = -1};
	int err = mapped_file__find(&file, target, mapping);

	return err ? err : mapped_file__open(&file);
}

static void free_sample(struct sample *file)
{
	munmap(file->bytes, PAGE);
	unlink(file->path);
}

static void assert_is_file(int fd, const struct sample *file)
{
	struct stat status;
	char byte;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_ino, file->status.st_ino);
	assert_int_equal(pread(fd, &byte, 1, PAGE), 1);
	assert_int_equal(byte, 'b');
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void test_mapped_file(void **state)
{
	_cleanup_(target__freep) struct target *target = NULL;
	_cleanup_close_ int fd = -1;
	const struct mapping *mapping;
	struct sample file;

	(void)state;
	make_sample(&file);
	target = open_process(getpid());
	mapping = target__find_mapping(target, address_of(file.bytes));
	assert_non_null(mapping);
	fd = find_and_open(target, mapping);
	assert_is_file(fd, &file);
	free_sample(&file);
}

/*
 * The name now leads to another file. With the right to use map_files the old file is opened
 * nevertheless; without it, none is: never the wrong one.
 */
static int open_replaced_file(void *argument)
{
	const struct sample *file = argument;
	const struct mapping *mapping;
	struct target *target;
	struct failure failure;
	struct stat status;
	int fd;

	if (live__open(&target, getpid(), &failure))
		return 1;
	mapping = target__find_mapping(target, address_of(file->bytes));
	if (!mapping || !mapping->deleted || strcmp(mapping->path, file->path) != 0)
		return 2;
	fd = find_and_open(target, mapping);
	if (fd >= 0)
		return fstat(fd, &status) || status.st_ino != file->status.st_ino ? 3 : 0;
	return fd == -ESTALE ? 4 : 5;
}

static int open_replaced_file_without_rights(void *argument)
{
	if (geteuid() == 0 && child__drop_rights())
		return 6;
	/* Otherwise /proc/self would belong to root. */
	if (prctl(PR_SET_DUMPABLE, 1))
		return 7;
	return open_replaced_file(argument);
}

static void test_replaced_file(void **state)
{
	_cleanup_close_ int fd = -1;
	struct sample file;

	(void)state;
	make_sample(&file);
	assert_int_equal(unlink(file.path), 0);
	/* Readable by all; otherwise an unprivileged user would fail for another reason. */
	fd = open(file.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(child__run(open_replaced_file, &file), geteuid() == 0 ? 0 : 4);
	assert_int_equal(child__run(open_replaced_file_without_rights, &file), 4);
	free_sample(&file);
}

static void test_deleted_file(void **state)
{
	_cleanup_(target__freep) struct target *target = NULL;
	_cleanup_close_ int fd = -1;
	const struct mapping *mapping;
	struct sample file;

	(void)state;
	make_sample(&file);
	assert_int_equal(unlink(file.path), 0);
	target = open_process(getpid());
	mapping = target__find_mapping(target, address_of(file.bytes));
	assert_non_null(mapping);
	assert_true(mapping->deleted);
	assert_string_equal(mapping->path, file.path);
	fd = find_and_open(target, mapping);
	if (geteuid() == 0)
		assert_is_file(fd, &file);
	else
		assert_int_equal(fd, -ENOENT);
	free_sample(&file);
}

/* The executable can be opened by all, even if only its owner may use map_files. */
static int open_own_executable(void *argument)
{
	struct stat ours, opened;
	struct target *target;
	struct failure failure;
	int fd;

	(void)argument;
	if (geteuid() == 0 && child__drop_rights())
		return 1;
	if (prctl(PR_SET_DUMPABLE, 1) || live__open(&target, getpid(), &failure))
		return 2;
	fd = find_and_open(target,
			   target__find_mapping(target, address_of((void *)open_own_executable)));
	if (fd < 0 || fstat(fd, &opened) || stat("/proc/self/exe", &ours))
		return 3;
	return opened.st_ino == ours.st_ino && opened.st_dev == ours.st_dev ? 0 : 4;
}

static void test_executable_opens_without_rights(void **state)
{
	(void)state;
	assert_int_equal(child__run(open_own_executable, NULL), 0);
}

/*
 * Opens the sample as an unprivileged user, who has only its name. Returns 0 or errno, as the exit
 * status of a child.
 */
static int open_by_name(void *argument)
{
	const struct sample *file = argument;
	struct target *target;
	struct failure failure;
	int fd;

	alarm(30);
	if ((geteuid() == 0 && child__drop_rights()) || prctl(PR_SET_DUMPABLE, 1) ||
	    live__open(&target, getpid(), &failure))
		return 255;
	fd = find_and_open(target, target__find_mapping(target, address_of(file->bytes)));
	return fd < 0 ? -fd : 0;
}

/* The FIFO has no writer: opening it for reading would block forever. */
static void test_a_fifo_in_its_place(void **state)
{
	struct sample file;

	(void)state;
	make_sample(&file);
	assert_int_equal(unlink(file.path), 0);
	assert_int_equal(mkfifo(file.path, 0666), 0);
	assert_int_equal(child__run(open_by_name, &file), ESTALE);
	free_sample(&file);
}

static void test_a_link_to_another_file_in_its_place(void **state)
{
	struct sample file;

	(void)state;
	make_sample(&file);
	assert_int_equal(unlink(file.path), 0);
	assert_int_equal(symlink("/etc/passwd", file.path), 0);
	assert_int_equal(child__run(open_by_name, &file), ESTALE);
	assert_int_equal(unlink(file.path), 0);
	assert_int_equal(symlink("/proc/self/fd/0", file.path), 0);
	assert_int_equal(child__run(open_by_name, &file), ELOOP);
	free_sample(&file);
}

/* Opening a device may have effects: it is never opened, even if it is the mapped file. */
static void test_a_mapped_device(void **state)
{
	_cleanup_(target__freep) struct target *target = NULL;
	_cleanup_close_ int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	const struct mapping *mapping;
	void *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);

	(void)state;
	assert_ptr_not_equal(page, MAP_FAILED);
	target = open_process(getpid());
	mapping = target__find_mapping(target, address_of(page));
	assert_string_equal(mapping->path, "/dev/zero");
	/* Without privileges there is only its name, which leads to the same device. */
	assert_int_equal(find_and_open(target, mapping), geteuid() == 0 ? -ENOEXEC : -ESTALE);
	munmap(page, PAGE);
}

/*
 * A process with a write lease on a file delays each open by up to 45 seconds
 * (/proc/sys/fs/lease-break-time).
 */
static void test_a_lease(void **state)
{
	_cleanup_(target__freep) struct target *target = NULL;
	_cleanup_close_ int fd = -1;
	const struct mapping *mapping;
	struct sample file;

	(void)state;
	make_sample(&file);
	fd = open(file.path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	munmap(file.bytes, PAGE);
	file.bytes = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE);
	assert_ptr_not_equal(file.bytes, MAP_FAILED);
	signal(SIGIO, SIG_IGN);
	assert_int_equal(fcntl(fd, F_SETLEASE, F_WRLCK), 0);
	target = open_process(getpid());
	mapping = target__find_mapping(target, address_of(file.bytes));
	alarm(30);
	assert_int_equal(find_and_open(target, mapping), -EBUSY);
	alarm(0);
	free_sample(&file);
}

static void test_identity(void **state)
{
	_cleanup_(target__freep) struct target *target = NULL;
	struct mapped_file found, again;
	const struct mapping *mapping;
	struct sample file;

	(void)state;
	make_sample(&file);
	target = open_process(getpid());
	mapping = target__find_mapping(target, address_of(file.bytes));
	assert_int_equal(mapped_file__find(&found, target, mapping), 0);
	assert_int_equal(found.identity.device, file.status.st_dev);
	assert_int_equal(found.identity.inode, file.status.st_ino);
	assert_int_equal(found.identity.size, 2 * PAGE);
	assert_int_equal(found.identity.changed_s, file.status.st_ctim.tv_sec);
	assert_int_equal(found.identity.changed_ns, file.status.st_ctim.tv_nsec);
	assert_int_equal(truncate(file.path, 3 * PAGE), 0);
	assert_int_equal(mapped_file__find(&again, target, mapping), 0);
	assert_int_equal(again.identity.inode, found.identity.inode);
	assert_int_equal(again.identity.size, 3 * PAGE);
	mapped_file__release(&found);
	mapped_file__release(&again);
	free_sample(&file);
}

/* Exit statuses of the child below: */
enum {
	OVERLAY_OPENED,
	OVERLAY_FAILED,
	OVERLAY_MISSING,
	OVERLAY_SAME_DEVICE
};

static int map_in_overlay(struct sample *file)
{
	struct target *target;
	struct failure failure;
	const struct mapping *mapping;
	int fd = open("/tmp/merged/file", O_RDONLY | O_CLOEXEC);

	snprintf(file->path, sizeof(file->path), "/tmp/merged/file");
	file->bytes = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE);
	if (fd < 0 || fstat(fd, &file->status) || file->bytes == MAP_FAILED ||
	    live__open(&target, getpid(), &failure))
		return -1;
	mapping = target__find_mapping(target, address_of(file->bytes));
	return mapping->dev_minor == minor(file->status.st_dev) ? OVERLAY_SAME_DEVICE : 0;
}

/*
 * In a mount namespace of its own: a file of the lower layer, then opened by name without
 * privileges.
 */
static int open_on_overlayfs(void *argument)
{
	static const char *const directories[] = {"/tmp/lower", "/tmp/upper", "/tmp/upper/data",
						  "/tmp/upper/work", "/tmp/merged"};
	char bytes[2 * PAGE] = "";
	struct sample file;
	int err, fd;

	(void)argument;
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", "/tmp", "tmpfs", 0, NULL))
		return OVERLAY_MISSING;
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		if (mkdir(directories[i], 0755))
			return OVERLAY_FAILED;
		if (i < 2 && mount("tmpfs", directories[i], "tmpfs", 0, NULL))
			return OVERLAY_FAILED;
	}
	fd = open("/tmp/lower/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (write(fd, bytes, sizeof(bytes)) != sizeof(bytes))
		return OVERLAY_FAILED;
	if (mount("overlay", "/tmp/merged", "overlay", 0,
		  "lowerdir=/tmp/lower,upperdir=/tmp/upper/data,workdir=/tmp/upper/work"))
		return OVERLAY_MISSING;
	err = map_in_overlay(&file);
	if (err)
		return err < 0 ? OVERLAY_FAILED : err;
	return open_by_name(&file) ? OVERLAY_FAILED : OVERLAY_OPENED;
}

/* On overlayfs, a file's device in maps differs from that of stat(2). */
static void test_overlayfs(void **state)
{
	int result;

	(void)state;
	child__skip_unless_root("mounting");
	result = child__run(open_on_overlayfs, NULL);
	if (result == OVERLAY_MISSING || result == OVERLAY_SAME_DEVICE) {
		print_message("skipped: %s\n", result == OVERLAY_MISSING
						       ? "overlayfs cannot be mounted here"
						       : "maps and stat(2) have the same device");
		skip();
	}
	assert_int_equal(result, OVERLAY_OPENED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mapped_file),
		cmocka_unit_test(test_replaced_file),
		cmocka_unit_test(test_deleted_file),
		cmocka_unit_test(test_executable_opens_without_rights),
		cmocka_unit_test(test_a_fifo_in_its_place),
		cmocka_unit_test(test_a_link_to_another_file_in_its_place),
		cmocka_unit_test(test_a_mapped_device),
		cmocka_unit_test(test_a_lease),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_overlayfs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
