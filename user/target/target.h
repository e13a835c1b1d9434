/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process whose memory is read, from whatever source: the running process itself (live.h), or a
 * file that holds a copy of it. A source fills in a struct target and a table of operations;
 * everything else calls the functions below and does not know which source it is.
 *
 * What a source cannot know is unknown, never 0: its operation returns -ENODATA, or is NULL.
 * Callers leave such figures out, and reports write null.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "target/mapping.h"
#include "target/memory.h"
#include "target/process_owner.h"
#include "target/smaps.h"
#include "util/failure.h"

struct mapped_file;
struct target_ops;

struct target {
	const struct target_ops *ops;
	struct memory *memory; /* owned by the source; its account is that of the whole target */
	pid_t pid;	     /* in our PID namespace, or in that of the machine it was copied on */
	process_owner owner; /* at the time it was opened */
	/*
	 * Start time, in clock ticks after boot; 0: unknown. A later process with the same pid has
	 * another one; exec does not change it.
	 */
	uint64_t start_ticks;
	/* This and the strings below are allocated by malloc(). */
	char *comm;
	char **cmdline;	     /* NULL-terminated; empty for a kernel thread; at most 4 KiB of it */
	bool cmdline_is_cut; /* it is longer; the last word ends in "..." */
	char *exe;	     /* the path of the executable, "" if unknown */
	char *cgroup;	     /* path in the cgroup v2 hierarchy, "" if none or unknown */
	/* As mappings__read(); none before they are read, and after they are forgotten. */
	struct mapping *maps;
	size_t map_cnt;
	bool maps_are_cut;
};

/* How much of a range is in RAM. */
struct resident_range {
	uint64_t address, size;	 /* bytes */
	uint64_t resident_bytes; /* out */
};

/* How often its threads were switched out, excluding those that have ended. */
struct target_activity {
	uint64_t switches;
	bool runs; /* a thread runs, or is ready to */
};

/* A thread that is not asleep: it runs, or waits for a CPU or for a page to be read in. */
struct ready_thread {
	pid_t id;
	uint64_t ran_ns; /* its CPU time so far */
};

#define THREAD_NAME_BYTES 16

struct target_thread {
	pid_t id;
	pid_t inner_id;		      /* as the target itself sees it: in its PID namespace */
	char name[THREAD_NAME_BYTES]; /* "" if unknown */
	bool has_stack_pointer;	      /* it is stopped or waits, and the source knows */
	uint64_t stack_pointer;
};

/* Returns 0 to continue, or a result that ends the visit. */
typedef int target_thread_fn(const struct target_thread *thread, void *context);

/*
 * What a source can do. Each operation is that of the function of the same name below; all but
 * free() and read_mappings() may be NULL.
 */
struct target_ops {
	int (*read_mappings)(const struct target *target, struct mappings *out);
	int (*read_smaps)(const struct target *target, struct smaps *out);
	int (*find_mapped_file)(const struct target *target, const struct mapping *mapping,
				struct mapped_file *out);
	int (*measure_resident)(const struct target *target, struct resident_range *ranges,
				size_t cnt);
	int (*residency_is_exact)(const struct target *target);
	int (*measure_shared)(const struct target *target, struct resident_range *ranges,
			      size_t cnt);
	int (*measure_swapped)(const struct target *target, struct resident_range *ranges,
			       size_t cnt);
	int (*measure_huge)(const struct target *target, struct resident_range *ranges, size_t cnt);
	int (*find_resident)(const struct target *target, uint64_t start, uint64_t end,
			     memory_run_fn *take, void *context);
	int (*used_bytes)(const struct target *target, uint64_t *bytes);
	int (*visit_threads)(const struct target *target, target_thread_fn *take, void *context);
	int (*user)(const struct target *target, uid_t *out);
	char *(*environment)(const struct target *target, const char *name);
	bool (*is_alive)(const struct target *target);
	int (*exit_fd)(const struct target *target);
	int (*cpu_ns)(const struct target *target, uint64_t *ns);
	int (*activity)(const struct target *target, struct target_activity *out);
	int (*ready_threads)(const struct target *target, struct ready_thread *out, size_t max,
			     size_t *cnt);
	int (*pause)(struct target *target);
	uint64_t (*resume)(struct target *target);
	int (*settle)(struct target *target);
	/* Releases the memory and everything else that the source owns, then the target. */
	void (*free)(struct target *target);
};

void target__free(struct target *target);
void target__freep(struct target **target);

/*
 * Why this process may not read another one (-EPERM, -EACCES), and what to do about it, for a
 * message: this depends on whether it has CAP_SYS_PTRACE.
 */
const char *target__refusal(void);

/* Reads the maps again. On failure the old ones are kept. */
int target__reload_maps(struct target *target, struct failure *failure);

/* Frees the maps: there are none until they are read again. */
void target__forget_maps(struct target *target);

/* The mapping that contains @address, or NULL. */
const struct mapping *target__find_mapping(const struct target *target, uint64_t address);

/*
 * Reads the current mappings, and how much of each is in RAM. Returns 0 or as smaps__parse();
 * -ENODATA: unknown. The caller releases *out.
 */
int target__read_smaps(const struct target *target, struct smaps *out);

/*
 * Measures how much of each range is in RAM, as the kernel counts it for the resident set size:
 * without the zero page, which is there where memory was read that was never written; with it, and
 * so too much, if target__residency_is_exact() is 0. Returns 0, -ENODATA: unknown, or negative
 * errno; ranges that were not measured are then unchanged.
 */
int target__measure_resident(const struct target *target, struct resident_range *ranges,
			     size_t cnt);

/*
 * Whether target__measure_resident() can tell the zero page apart: 1 or 0; -ENODATA or another
 * negative errno: unknown.
 */
int target__residency_is_exact(const struct target *target);

/*
 * As target__measure_resident(), for pages that other processes have mapped, too: those that a fork
 * has not copied yet.
 */
int target__measure_shared(const struct target *target, struct resident_range *ranges, size_t cnt);

/*
 * As target__measure_resident(), for pages that are swapped out. Pages of shared memory are not
 * among them.
 */
int target__measure_swapped(const struct target *target, struct resident_range *ranges, size_t cnt);

/* As target__measure_resident(), for pages that are mapped as part of a huge page. */
int target__measure_huge(const struct target *target, struct resident_range *ranges, size_t cnt);

/*
 * Passes each run of pages from @start to @end that are resident, as target__measure_resident()
 * counts them, to @take. Returns 0, -ENODATA: unknown, negative errno, or a nonzero result of
 * @take, which ends the visit.
 */
int target__find_resident(const struct target *target, uint64_t start, uint64_t end,
			  memory_run_fn *take, void *context);

/*
 * The memory it has written or read, in RAM or swapped out, in bytes. Returns 0, -ENODATA or
 * negative errno.
 */
int target__used_bytes(const struct target *target, uint64_t *bytes);

/*
 * Passes each thread to @take. Returns 0, -ENODATA, negative errno, or a nonzero result of @take,
 * which ends the visit.
 */
int target__visit_threads(const struct target *target, target_thread_fn *take, void *context);

/* Its effective user. Returns 0, -ENODATA or negative errno. */
int target__user(const struct target *target, uid_t *out);

/*
 * The value of @name in the environment with which the process was started, as
 * proc_text__find_variable(); NULL if absent or unknown. The caller frees.
 */
char *target__environment(const struct target *target, const char *name);

/* False once the process has exited: all of its threads have ended. A copy stays alive. */
bool target__is_alive(const struct target *target);

/*
 * A descriptor that becomes readable when the process exits. It belongs to the target. -ENODATA: it
 * is a copy, which does not exit.
 */
int target__exit_fd(const struct target *target);

/* The CPU time of all its threads, ended ones included. Returns 0, -ENODATA or negative errno. */
int target__cpu_ns(const struct target *target, uint64_t *ns);

/*
 * What its threads have done. CPU time alone is not enough: where a hypervisor takes time away,
 * none may be charged for a while although a thread has run. A process of more than 1024 threads is
 * always reported as running, because examining each takes time. Returns 0, -ENODATA or negative
 * errno.
 */
int target__activity(const struct target *target, struct target_activity *out);

/*
 * Stores up to @max of the threads that are not asleep. Returns 0, -ENODATA or negative errno;
 * -ENOENT if the kernel does not tell the CPU time of a thread (CONFIG_SCHED_INFO).
 */
int target__ready_threads(const struct target *target, struct ready_thread *out, size_t max,
			  size_t *cnt);

/*
 * Stops all threads until target__resume(). A copy is always stopped: 0. On failure none is
 * stopped. Errors, described in @failure: -EPERM not permitted, or another debugger is attached;
 * -ESRCH; -ENOMEM; -EAGAIN it creates threads faster than they can be stopped.
 */
int target__pause(struct target *target, struct failure *failure);

/* Lets them run again; so does target__free(). Returns how long the target was stopped, in ns. */
uint64_t target__resume(struct target *target);

/*
 * Call this at the end of a reading: it charges what the kernel has allocated for the reading to
 * the target's account (page_tables.h). Returns 0, -EDQUOT or -ENOMEM.
 */
int target__settle(struct target *target);
