// SPDX-License-Identifier: BSD-2-Clause
/* Attempts that change files, or reach them other than by name. */
#include "attempts.h"

#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

static long write_by_openat2(void)
{
	struct open_how how = {.flags = O_RDWR | O_CLOEXEC};

	return syscall(SYS_openat2, AT_FDCWD, scene.file, &how, sizeof(how));
}

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

/* A file handle works like a path, but bypasses the permissions of all directories. */
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

const struct attempt attempts_on_files[] = {
	ATTEMPT(write_by_openat2), ATTEMPT(open_core_pattern),
	ATTEMPT(open_shadow),	   ATTEMPT(create_in_cron),
	ATTEMPT(open_to_write),	   ATTEMPT(open_read_write),
	ATTEMPT(open_to_append),   ATTEMPT(open_to_truncate),
	ATTEMPT(open_unnamed),	   ATTEMPT(open_by_old_call),
	ATTEMPT(open_by_creat),	   ATTEMPT(open_null_to_write),
	ATTEMPT(truncate_file),	   ATTEMPT(change_mode),
	ATTEMPT(change_owner),	   ATTEMPT(change_time),
	ATTEMPT(change_attribute), ATTEMPT(rename_file),
	ATTEMPT(link_file),	   ATTEMPT(link_symbolically),
	ATTEMPT(make_directory),   ATTEMPT(make_fifo),
	ATTEMPT(unlink_file),	   ATTEMPT(ask_file_system),
	ATTEMPT(open_by_handle),   {},
};
