/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names every way in which something is skipped, capped, dropped or retried. Each such event is
 * counted here, and every report shows the counts; nothing is lost silently.
 *
 * X(identifier, name in reports, help). BPF programs count those below COUNTER_BPF_CNT.
 */
#pragma once

#define PYFRAG_BPF_COUNTERS(X)                                                                     \
	X(LOST, "events_lost", "events dropped because the ring buffer was full")                  \
	X(FOREIGN, "hits_foreign", "probe hits in other processes (ignored)")                      \
	X(UNKNOWN_SITE, "hits_unknown_site",                                                       \
	  "probe hits at an address that is not a known probe site")                               \
	X(UNREADABLE, "hits_unreadable",                                                           \
	  "probe hits for which the address of the block could not be read")                       \
	X(STACKS_NO_THREAD, "stacks_no_thread",                                                    \
	  "stacks not recorded because the thread is unknown to Python")                           \
	X(STACKS_UNREADABLE, "stacks_unreadable",                                                  \
	  "stacks not recorded because a frame could not be read")                                 \
	X(STACKS_TRUNCATED, "stacks_truncated", "stacks cut off after 127 frames")                 \
	X(STACKS_COLLIDED, "stacks_collided",                                                      \
	  "stacks not recorded because another stack has the same hash")                           \
	X(STACKS_NESTED, "stacks_nested",                                                          \
	  "stacks not recorded because another walk was in progress on this CPU")

#define PYFRAG_USER_COUNTERS(X)                                                                    \
	X(POOLS_RETRIED, "pools_retried",                                                          \
	  "pools read again because they changed during the reading")                              \
	X(POOLS_UNRESOLVED, "pools_unresolved",                                                    \
	  "pools that changed during every attempt to read them")                                  \
	X(POOLS_UNREADABLE, "pools_unreadable", "pools that were unmapped before they were read")  \
	X(POOLS_SWAPPED, "pools_swapped", "pools not read because they are swapped out")           \
	X(PAGES_SWAPPED, "pages_swapped",                                                          \
	  "pages not read because they are swapped out (--swapped reads them)")                    \
	X(POOLS_CORRECTED, "pools_corrected",                                                      \
	  "pools whose blocks had changed although their header had not")                          \
	X(POOLS_UNCLASSIFIED, "pools_unclassified", "pools in use with an unknown size class")     \
	X(BLOCKS_STRAY, "blocks_stray",                                                            \
	  "live blocks at addresses where no block of their pool can begin")                       \
	X(BLOCKS_UNLISTED, "blocks_unlisted", "blocks of pinned arenas left out: see --blocks")    \
	X(INTERPRETERS_SKIPPED, "interpreters_skipped",                                            \
	  "subinterpreters whose heap could not be read")                                          \
	X(CHECKPOINTS_SKIPPED, "checkpoints_skipped",                                              \
	  "reports skipped: arena table inconsistent, or CPU time limit exceeded")                 \
	X(MEMORY_SKIPPED, "memory_skipped",                                                        \
	  "how often memory outside of arenas was not read (error or limit)")                      \
	X(HEAPS_UNDRAWN, "heaps_undrawn", "heaps of malloc that the map leaves out")               \
	X(EVENTS_STALE, "events_stale", "events ignored because not all probes were inserted yet") \
	X(EVENTS_UNPLACED, "events_unplaced", "arena events that match no known arena")            \
	X(ARENAS_ABANDONED, "arenas_abandoned",                                                    \
	  "arenas with live blocks left behind by subinterpreters that ended")                     \
	X(SITES_UNUSABLE, "sites_unusable", "probe sites that the kernel refused to probe")        \
	X(SITES_MISMATCHED, "sites_mismatched",                                                    \
	  "probe sites not probed because the process's code differs from the scanned code")       \
	X(FORKS, "forks_not_followed", "child processes that were forked (not traced)")            \
	X(FRAMES_UNNAMED, "frames_unnamed",                                                        \
	  "frames whose code object was freed before its names were read")                         \
	X(STACKS_RETIRED, "stacks_retired", "stacks of which a code object was freed or replaced") \
	X(STACKS_UNKEPT, "stacks_unkept",                                                          \
	  "stacks dropped because of the limit of 8 MiB, or of --max-memory")                      \
	X(CODES_UNKEPT, "codes_unkept",                                                            \
	  "code objects not cached because of the limit of 8 MiB, or of --max-memory")             \
	X(SITES_FORGOTTEN, "sites_forgotten",                                                      \
	  "blocks and pools whose allocation site was dropped (uncertain, or --max-memory)")       \
	X(DRIFT_UNCONFIRMED, "drift_unconfirmed",                                                  \
	  "blocks that differ between the heap and the events, too many to be read again")         \
	X(TYPES_REFUSED, "types_refused",                                                          \
	  "types with impossible sizes, offsets or names, or beyond the first 1,048,576 types")    \
	X(TYPES_UNNAMED, "types_unnamed",                                                          \
	  "types named without their module, because their dicts have too many entries in total")  \
	X(BLOCKS_FREED, "blocks_freed",                                                            \
	  "objects freed after the heap was read, before their type was read (see --pause)")       \
	X(BLOCKS_CUT, "blocks_cut",                                                                \
	  "blocks of more than 64 KiB searched for references only at their beginning")            \
	X(ROOTS_REFUSED, "roots_refused",                                                          \
	  "modules, threads, frames and static data beyond the limits, or in a circular list")     \
	X(RETAINED_MERGED, "retained_merged",                                                      \
	  "objects counted at a shorter path (paths too many or too long), plus rows left out")    \
	X(REFERENCES_LEFT_OUT, "references_left_out",                                              \
	  "objects that claim to have more items than fit into the memory of the process")         \
	X(TEXTS_CUT, "texts_cut",                                                                  \
	  "command lines and memory maps read only in part because they are too long")             \
	X(MEMORY_REFUSED, "memory_refused", "allocations refused because of --max-memory")

/* Probe hits, also counted by BPF programs. They are not losses, but the cost of tracing. */
enum pyfrag_hits {
	HITS_EMULATED,
	HITS_STEPPED, /* instructions that the kernel does not emulate */
	HITS_IGNORED, /* hits of both kinds that exceed the budget */
	HITS_CNT,
};

#define PYFRAG_COUNTERS(X)                                                                         \
	PYFRAG_BPF_COUNTERS(X)                                                                     \
	PYFRAG_USER_COUNTERS(X)

enum pyfrag_counter {
#define X(identifier, name, help) COUNTER_##identifier,
	PYFRAG_COUNTERS(X)
#undef X
	COUNTER_CNT,
};

enum {
#define X(identifier, name, help) COUNTER_BPF_INDEX_##identifier,
	PYFRAG_BPF_COUNTERS(X)
#undef X
	COUNTER_BPF_CNT,
};
