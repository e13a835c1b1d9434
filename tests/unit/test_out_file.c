// SPDX-License-Identifier: BSD-2-Clause
/* Each test works in a new directory, and checks at the end what is left in it. */
#include "util/out_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "scratch_directory.h"
#include "unit_test.h"
#include "util/cleanup.h"

static int set_up(void **state)
{
	(void)state;
	return scratch_directory__enter();
}

/* The number of names in it, except . and .. */
static size_t count_names(void)
{
	DIR *all = opendir(".");
	size_t cnt = 0;

	assert_non_null(all);
	while (readdir(all))
		cnt++;
	closedir(all);
	return cnt - 2;
}

static int tear_down(void **state)
{
	DIR *all = opendir(scratch_directory__path());
	struct dirent *entry;

	(void)state;
	while ((entry = readdir(all)))
		unlink(entry->d_name);
	closedir(all);
	return scratch_directory__leave();
}

static void put_content(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void assert_content(const char *path, const char *expected)
{
	_cleanup_fclose_ FILE *file = fopen(path, "r");
	char text[256];
	size_t size;

	assert_non_null(file);
	size = fread(text, 1, sizeof(text) - 1, file);
	text[size] = '\0';
	assert_string_equal(text, expected);
}

static struct out_file *open_file(const char *path)
{
	struct out_file *file = NULL;
	struct failure failure;

	if (out_file__open(&file, path, &failure))
		fail_msg("%s", failure.text);
	assert_non_null(file);
	return file;
}

static void write_file(const char *path, const char *text)
{
	_cleanup_(out_file__freep) struct out_file *file = open_file(path);

	fputs(text, file->stream);
	assert_int_equal(out_file__commit(file), 0);
}

static void test_new_file(void **state)
{
	mode_t before = umask(0);
	struct stat stat_;

	(void)state;
	write_file("new", "text");
	umask(before);
	assert_content("new", "text");
	assert_int_equal(stat("new", &stat_), 0);
	assert_int_equal(stat_.st_mode & 07777, 0600);
	assert_int_equal(count_names(), 1);
}

static void test_whole_path(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/new", scratch_directory__path());
	assert_int_equal(chdir("/"), 0);
	write_file(path, "text");
	assert_int_equal(chdir(scratch_directory__path()), 0);
	assert_content("new", "text");
	assert_int_equal(count_names(), 1);
}

static void test_old_file_is_there_until_the_end(void **state)
{
	struct out_file *file;

	(void)state;
	put_content("old", "old");
	file = open_file("old");
	fputs("new", file->stream);
	assert_int_equal(fflush(file->stream), 0);
	assert_content("old", "old");
	assert_int_equal(out_file__commit(file), 0);
	assert_content("old", "new");
	out_file__free(file);
	assert_content("old", "new");
	assert_int_equal(count_names(), 1);
}

static void test_nothing_remains_without_commit(void **state)
{
	struct out_file *file;

	(void)state;
	put_content("old", "old");
	file = open_file("old");
	fputs("half of", file->stream);
	out_file__free(file);
	assert_content("old", "old");
	out_file__free(open_file("new"));
	assert_int_equal(access("new", F_OK), -1);
	assert_int_equal(count_names(), 1);
}

static void write_too_much(struct out_file *file)
{
	for (int i = 0; i < 10000; i++)
		fputs("more than there is room for\n", file->stream);
}

static void test_failed_write(void **state)
{
	const struct rlimit small = {.rlim_cur = 4096, .rlim_max = RLIM_INFINITY};
	struct out_file *file;
	struct rlimit before;

	(void)state;
	put_content("old", "old");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	file = open_file("old");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	write_too_much(file);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	/* There is room again, but the file has a hole; the original error is no longer known. */
	assert_int_equal(out_file__commit(file), -EIO);
	out_file__free(file);
	assert_content("old", "old");
	assert_int_equal(count_names(), 1);
}

/* A replaced file that others could read is no longer readable by them. */
static void test_old_mode_is_not_kept(void **state)
{
	struct stat stat_;

	(void)state;
	put_content("old", "old");
	assert_int_equal(chmod("old", 0666), 0);
	write_file("old", "new");
	assert_int_equal(stat("old", &stat_), 0);
	assert_int_equal(stat_.st_mode & 07777, 0600);
}

static void check_refused(const char *path, int expected, const char *why)
{
	struct out_file *file = NULL;
	struct failure failure = {};

	assert_int_equal(out_file__open(&file, path, &failure), expected);
	assert_null(file);
	if (!strstr(failure.text, why) || !strstr(failure.text, path))
		fail_msg("'%s' does not say '%s'", failure.text, why);
	failure = (struct failure){};
	assert_int_equal(out_file__check(path, &failure), expected);
	assert_non_null(strstr(failure.text, why));
}

static void test_what_is_no_file_is_refused(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat stat_;

	(void)state;
	put_content("precious", "old");
	assert_int_equal(mkfifo("pipe", 0600), 0);
	assert_int_equal(symlink("precious", "link"), 0);
	assert_int_equal(symlink("none", "dangling"), 0);
	assert_int_equal(symlink("/dev/null", "device"), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)(void *)&address, sizeof(address)), 0);
	check_refused("pipe", -EEXIST, "it is a FIFO");
	check_refused("link", -EEXIST, "it is a symbolic link");
	check_refused("dangling", -EEXIST, "it is a symbolic link");
	check_refused("device", -EEXIST, "it is a symbolic link");
	check_refused("socket", -EEXIST, "it is a socket");
	check_refused("/dev/null", -EEXIST, "it is a device");
	check_refused("/dev/stdout", -EEXIST, "it is a symbolic link");
	check_refused(scratch_directory__path(), -EEXIST, "it is a directory");
	assert_content("precious", "old");
	assert_int_equal(lstat("none", &stat_), -1);
	/* The files from above, and nothing else. */
	assert_int_equal(count_names(), 6);
}

/*
 * When a directory is moved away, the file moves with it: nothing is written to what has its path
 * then.
 */
static void test_directory_that_is_replaced(void **state)
{
	_cleanup_(out_file__freep) struct out_file *file = NULL;

	(void)state;
	assert_int_equal(mkdir("mine", 0700) || mkdir("other", 0700), 0);
	file = open_file("mine/file");
	fputs("text", file->stream);
	assert_int_equal(rename("mine", "moved"), 0);
	assert_int_equal(symlink("other", "mine"), 0);
	assert_int_equal(out_file__commit(file), 0);
	assert_content("moved/file", "text");
	assert_int_equal(access("other/file", F_OK), -1);
	assert_int_equal(unlink("moved/file") || rmdir("moved") || rmdir("other"), 0);
}

/* A link with the temporary name is not followed. */
static void test_link_in_place_of_the_temporary(void **state)
{
	_cleanup_(out_file__freep) struct out_file *file = NULL;

	(void)state;
	put_content("precious", "old");
	file = open_file("new");
	assert_int_equal(unlink(file->temporary), 0);
	assert_int_equal(symlink("precious", file->temporary), 0);
	fputs("text", file->stream);
	assert_int_equal(out_file__commit(file), 0);
	assert_content("precious", "old");
}

static void test_full_device(void **state)
{
	_cleanup_(out_file__freep) struct out_file *file = NULL;
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC),
	    before = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	struct failure failure;

	(void)state;
	assert_true(full >= 0 && before >= 0);
	fflush(stdout);
	assert_int_equal(dup2(full, STDOUT_FILENO), STDOUT_FILENO);
	assert_int_equal(out_file__stdout(&file, &failure), 0);
	assert_int_equal(dup2(before, STDOUT_FILENO), STDOUT_FILENO);
	close(before);
	close(full);
	fputs("text", file->stream);
	assert_int_equal(out_file__commit(file), -ENOSPC);
}

/* As with `pyfrag --format pprof >> log`. */
static void test_stdout_that_is_a_file(void **state)
{
	int log, before = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	struct out_file *file;
	struct failure failure;

	(void)state;
	put_content("log", "before\n");
	log = open("log", O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_true(log >= 0 && before >= 0);
	fflush(stdout);
	assert_int_equal(dup2(log, STDOUT_FILENO), STDOUT_FILENO);
	assert_int_equal(out_file__stdout(&file, &failure), 0);
	fputs("text\n", file->stream);
	assert_int_equal(out_file__commit(file), 0);
	out_file__free(file);
	assert_int_equal(dup2(before, STDOUT_FILENO), STDOUT_FILENO);
	close(before);
	close(log);
	assert_content("log", "before\ntext\n");
	assert_int_equal(count_names(), 1);
}

static void test_names_that_cannot_be(void **state)
{
	(void)state;
	put_content("file", "");
	check_refused("", -ENOENT, "No such file");
	check_refused(".", -EEXIST, "it is a directory");
	check_refused("./", -EISDIR, "Is a directory");
	check_refused("none/x", -ENOENT, "No such file");
	check_refused("none/", -ENOENT, "No such file");
	check_refused("file/x", -ENOTDIR, "Not a directory");
	assert_int_equal(count_names(), 1);
}

/*
 * The temporary name must fit wherever the name does; a name that does not fit leaves nothing
 * behind.
 */
static void test_long_names(void **state)
{
	char name[258];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[255] = '\0';
	write_file(name, "text");
	assert_content(name, "text");
	name[255] = 'x';
	name[256] = '\0';
	check_refused(name, -ENAMETOOLONG, "name too long");
	assert_int_equal(count_names(), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_new_file),
		TEST(test_whole_path),
		TEST(test_old_file_is_there_until_the_end),
		TEST(test_nothing_remains_without_commit),
		TEST(test_failed_write),
		TEST(test_old_mode_is_not_kept),
		TEST(test_what_is_no_file_is_refused),
		TEST(test_directory_that_is_replaced),
		TEST(test_link_in_place_of_the_temporary),
		TEST(test_full_device),
		TEST(test_stdout_that_is_a_file),
		TEST(test_names_that_cannot_be),
		TEST(test_long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
