/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parses texts of /proc that were read before. Pure: it reads no files. Their formats:
 * proc_pid_stat(5), proc_pid_status(5), proc_pid_cgroup(5), proc_pid_cmdline(5).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The state letter in the text of "stat", or -EIO. */
int proc_fields__state(const char *stat);

/* The start time, in clock ticks after boot, in the text of "stat". Returns 0 or -EIO. */
int proc_fields__start_ticks(const char *stat, uint64_t *ticks);

/* The thread group in the text of "status", or -EIO. */
int proc_fields__thread_group(const char *status);

/*
 * Whether the text of "status" is that of a process in the PID namespace of this /proc, not in one
 * below it; also false if that is unknown.
 */
bool proc_fields__is_in_own_pid_namespace(const char *status);

/*
 * From the status of a thread: its ID in the innermost of the PID namespaces that it is in. Returns
 * the ID, or -EIO.
 */
int proc_fields__inner_id(const char *status);

/*
 * From status: the name, without the escapes that the kernel writes for newlines and backslashes.
 * "" if there is none.
 */
void proc_fields__name(const char *status, char *out, size_t size);

/* The real user in the text of "status". Returns 0 or -EIO. */
int proc_fields__user(const char *status, uint32_t *user);

/*
 * How often the thread was switched out, and whether it is running, in the text of "status".
 * Returns 0 or -EIO.
 */
int proc_fields__switches(const char *status, uint64_t *switches, bool *runs);

/*
 * The memory it has written or read, whether resident or swapped out, in the text of "status":
 * VmRSS, VmSwap and HugetlbPages, in bytes. Returns 0 or -EIO.
 */
int proc_fields__used_bytes(const char *status, uint64_t *bytes);

/*
 * The memory it has written that is its own, whether resident or swapped out, in the text of
 * "status": RssAnon and VmSwap, in bytes. Mapped files and shared memory are excluded: the same
 * page counts there as often as it is mapped. Returns 0 or -EIO.
 */
int proc_fields__written_bytes(const char *status, uint64_t *bytes);

/*
 * The memory of its own that is swapped out, in the text of "status": VmSwap, in bytes; 0 if the
 * kernel has no swap. Returns 0 or -EIO.
 */
int proc_fields__swapped_bytes(const char *status, uint64_t *bytes);

/* The size of its page tables in the text of "status": VmPTE, in bytes. Returns 0 or -EIO. */
int proc_fields__page_table_bytes(const char *status, uint64_t *bytes);

/*
 * The path in the cgroup v2 hierarchy in the text of "cgroup", "" if there is none; NULL if out of
 * memory. The caller frees.
 */
char *proc_fields__cgroup(const char *cgroup);

/* Further arguments are dropped. */
#define PROC_ARGUMENTS_MAX 256

/*
 * The words of a command line of @size bytes with a NUL after each word, and a NULL after the last
 * word. *is_cut: on entry, whether the text was truncated; on return, whether anything is missing:
 * then the last word ends in "...". NULL if out of memory.
 */
char **proc_fields__arguments(const char *text, size_t size, bool *is_cut);
void proc_fields__free_arguments(char **arguments);
