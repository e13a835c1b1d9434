/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the texts of /proc say, once they are read. Pure: a text goes in. Their forms:
 * proc_pid_stat(5), proc_pid_status(5), proc_pid_cgroup(5), proc_pid_cmdline(5).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The state letter in the text of "stat", or -EIO. */
int proc_fields__state(const char *stat);

/* When it started, in clock ticks after boot, in the text of "stat". Returns 0 or -EIO. */
int proc_fields__start_ticks(const char *stat, uint64_t *ticks);

/* The thread group in the text of "status", or -EIO. */
int proc_fields__thread_group(const char *status);

/*
 * Whether the text of "status" is that of a process in the PID namespace that /proc is of, not in
 * one below it; false, too, if that is not known.
 */
bool proc_fields__is_in_own_pid_namespace(const char *status);

/* The real user in the text of "status". Returns 0 or -EIO. */
int proc_fields__user(const char *status, uint32_t *user);

/*
 * How often the thread was switched out, and whether it runs, in the text of "status". Returns 0 or
 * -EIO.
 */
int proc_fields__switches(const char *status, uint64_t *switches, bool *runs);

/*
 * How much memory it has written or read, be it resident or swapped out, in the text of "status":
 * VmRSS, VmSwap and HugetlbPages, in bytes. Returns 0 or -EIO.
 */
int proc_fields__used_bytes(const char *status, uint64_t *bytes);

/*
 * How much memory it has written that is its own, be it resident or swapped out, in the text of
 * "status": RssAnon and VmSwap, in bytes. What it has mapped of files and shared memory is left
 * out: the same page counts there as often as it is mapped. Returns 0 or -EIO.
 */
int proc_fields__written_bytes(const char *status, uint64_t *bytes);

/* How large its page tables are (VmPTE), in bytes, by the text of "status". Returns 0 or -EIO. */
int proc_fields__page_table_bytes(const char *status, uint64_t *bytes);

/*
 * The path in the cgroup v2 hierarchy in the text of "cgroup", "" if there is none; NULL: no
 * memory. The caller frees.
 */
char *proc_fields__cgroup(const char *cgroup);

/* Arguments beyond so many are left out. */
#define PROC_ARGUMENTS_MAX 256

/*
 * The words of a command line, @size bytes with a NUL after each, to NULL at their end. *is_cut: on
 * entry, whether the text was cut off; at the end, whether anything is missing: then the last word
 * ends in "...". NULL: no memory.
 */
char **proc_fields__arguments(const char *text, size_t size, bool *is_cut);
void proc_fields__free_arguments(char **arguments);
