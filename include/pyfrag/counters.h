/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every way in which something is skipped, capped, dropped or tried again, by name. What happens is
 * counted here and shown in every report; nothing is lost silently.
 *
 * X(identifier, name in reports, help). Those up to COUNTER_BPF_CNT are counted by BPF programs.
 */
#pragma once

#define PYFRAG_BPF_COUNTERS(X)                                                                     \
	X(LOST, "events_lost", "events dropped because the ring buffer was full")                  \
	X(FOREIGN, "hits_foreign", "probe hits of other processes")                                \
	X(UNKNOWN_SITE, "hits_unknown_site", "probe hits at an unknown address")                   \
	X(UNREADABLE, "hits_unreadable", "probe hits whose operand in memory could not be read")   \
	X(STACKS_NO_THREAD, "stacks_no_thread", "stacks of threads that are unknown to Python")    \
	X(STACKS_UNREADABLE, "stacks_unreadable", "stacks that could not be read completely")      \
	X(STACKS_TRUNCATED, "stacks_truncated", "stacks of more than 127 frames")                  \
	X(STACKS_COLLIDED, "stacks_collided", "stacks not recorded: hash collision")               \
	X(STACKS_NESTED, "stacks_nested", "stacks not walked: a walk was under way")

#define PYFRAG_USER_COUNTERS(X)                                                                    \
	X(POOLS_RETRIED, "pools_retried",                                                          \
	  "pools read again because they changed during the reading")                              \
	X(POOLS_UNRESOLVED, "pools_unresolved", "pools that changed during every reading")         \
	X(POOLS_UNREADABLE, "pools_unreadable", "pools that were unmapped before they were read")  \
	X(POOLS_CORRECTED, "pools_corrected",                                                      \
	  "pools whose blocks had changed although their header had not")                          \
	X(POOLS_UNCLASSIFIED, "pools_unclassified", "pools in use with an unknown size class")     \
	X(BLOCKS_STRAY, "blocks_stray", "live blocks at impossible addresses in their pool")       \
	X(BLOCKS_UNLISTED, "blocks_unlisted", "blocks of pinned arenas that are not listed")       \
	X(INTERPRETERS_SKIPPED, "interpreters_skipped",                                            \
	  "interpreters whose heap could not be read")                                             \
	X(CHECKPOINTS_SKIPPED, "checkpoints_skipped",                                              \
	  "checkpoints skipped because the table of arenas was changing")                          \
	X(EVENTS_STALE, "events_stale", "events before all probes were inserted, ignored")         \
	X(EVENTS_UNPLACED, "events_unplaced", "arena events that match no known arena")            \
	X(ARENAS_ABANDONED, "arenas_abandoned",                                                    \
	  "arenas that an interpreter left behind, with blocks in them, when it ended")            \
	X(SITES_UNUSABLE, "sites_unusable", "probe sites that could not be probed")                \
	X(SITES_MISMATCHED, "sites_mismatched",                                                    \
	  "probe sites not used because the process's code differs from the scan")                 \
	X(FORKS, "forks_not_followed", "child processes, which are not traced")                    \
	X(FRAMES_UNNAMED, "frames_unnamed",                                                        \
	  "frames whose code object was freed before it was read")                                 \
	X(STACKS_RETIRED, "stacks_retired", "stacks whose code objects have been freed")           \
	X(STACKS_UNKEPT, "stacks_unkept", "stacks dropped for lack of room")                       \
	X(CODES_UNKEPT, "codes_unkept", "code objects read but not kept for lack of room")         \
	X(SITES_FORGOTTEN, "sites_forgotten",                                                      \
	  "blocks and pools whose site was dropped: no longer certain, or for lack of room")       \
	X(DRIFT_UNCONFIRMED, "drift_unconfirmed",                                                  \
	  "differing blocks beyond those that are read again")                                     \
	X(TYPES_REFUSED, "types_refused",                                                          \
	  "types with impossible sizes or offsets, or beyond the limit of types")                  \
	X(TYPES_UNNAMED, "types_unnamed",                                                          \
	  "types named without their module, because their dicts have too many entries in total")  \
	X(ROOTS_REFUSED, "roots_refused",                                                          \
	  "modules, threads, frames and static data beyond the limits, or in a circular list")     \
	X(REFERENCES_LEFT_OUT, "references_left_out",                                              \
	  "objects that claim more items than there is memory")                                    \
	X(TEXTS_CUT, "texts_cut",                                                                  \
	  "command lines and memory maps longer than the part that is read")                       \
	X(MEMORY_REFUSED, "memory_refused", "allocations refused by --max-memory")

/* Probe hits, also counted by BPF programs: no losses, but what tracing costs. */
enum pyfrag_hits {
	HITS_EMULATED,
	HITS_STEPPED, /* instructions that the kernel does not emulate */
	HITS_IGNORED, /* of both, those beyond what may be spent */
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
