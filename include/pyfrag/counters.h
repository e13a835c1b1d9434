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
	X(FOREIGN, "hits_foreign", "probe hits by other processes than the target")                \
	X(UNKNOWN_SITE, "hits_unknown_site", "probe hits at an address that is no known site")     \
	X(UNREADABLE, "hits_unreadable", "probe hits whose operand in memory could not be read")   \
	X(STACKS_NO_THREAD, "stacks_no_thread", "stacks of threads that Python does not know")     \
	X(STACKS_UNREADABLE, "stacks_unreadable", "stacks that could not be read to their end")    \
	X(STACKS_TRUNCATED, "stacks_truncated", "stacks of more than 127 frames")                  \
	X(STACKS_COLLIDED, "stacks_collided", "stacks not recorded: another one has their number") \
	X(STACKS_NESTED, "stacks_nested", "stacks not walked, because one was being walked")

#define PYFRAG_USER_COUNTERS(X)                                                                    \
	X(POOLS_RETRIED, "pools_retried", "pools that changed while they were read, read again")   \
	X(POOLS_UNRESOLVED, "pools_unresolved", "pools that changed each time they were read")     \
	X(POOLS_UNREADABLE, "pools_unreadable", "pools whose memory was gone when they were read") \
	X(POOLS_CORRECTED, "pools_corrected",                                                      \
	  "pools that had changed though their headers had not")                                   \
	X(POOLS_UNCLASSIFIED, "pools_unclassified", "pools in use whose size class is not known")  \
	X(BLOCKS_STRAY, "blocks_stray", "live blocks where no block of the pool's class can be")   \
	X(BLOCKS_UNLISTED, "blocks_unlisted", "blocks of pinned arenas beyond the listed ones")    \
	X(INTERPRETERS_SKIPPED, "interpreters_skipped",                                            \
	  "interpreters whose heap was not readable")                                              \
	X(CHECKPOINTS_SKIPPED, "checkpoints_skipped",                                              \
	  "checkpoints that found the table of arenas in mid-change")                              \
	X(EVENTS_STALE, "events_stale", "events before all probes were in place, not used")        \
	X(EVENTS_UNPLACED, "events_unplaced", "arena events that fit to no known arena")           \
	X(ARENAS_ABANDONED, "arenas_abandoned",                                                    \
	  "arenas that an interpreter left behind, with blocks in them, when it ended")            \
	X(SITES_UNUSABLE, "sites_unusable", "probe sites that could not be probed")                \
	X(SITES_MISMATCHED, "sites_mismatched",                                                    \
	  "probe sites not used, for the target's code there is not what the scan found")          \
	X(FORKS, "forks_not_followed", "child processes the target forked, not traced")            \
	X(FRAMES_UNNAMED, "frames_unnamed", "frames whose code was gone before it could be named") \
	X(STACKS_RETIRED, "stacks_retired", "stacks whose code is no longer there")                \
	X(STACKS_UNKEPT, "stacks_unkept", "stacks for which there was no room")                    \
	X(CODES_UNKEPT, "codes_unkept",                                                            \
	  "times a code object was read for which there was no room, to be read again")            \
	X(SITES_FORGOTTEN, "sites_forgotten",                                                      \
	  "blocks and pools whose site was given up: not certain any more, or no room for it")     \
	X(DRIFT_UNCONFIRMED, "drift_unconfirmed", "blocks too many to look at twice")              \
	X(TYPES_REFUSED, "types_refused",                                                          \
	  "types whose sizes or offsets cannot be true, or beyond the number of types looked at")  \
	X(TYPES_UNNAMED, "types_unnamed",                                                          \
	  "types named without their module, for their dicts have too many entries in all")        \
	X(ROOTS_REFUSED, "roots_refused",                                                          \
	  "modules, threads, frames and static data beyond what is looked at, or in a list that "  \
	  "leads in a circle")                                                                     \
	X(REFERENCES_LEFT_OUT, "references_left_out",                                              \
	  "objects that say they have more items than there is memory for")                        \
	X(TEXTS_CUT, "texts_cut",                                                                  \
	  "command lines and memory maps that are longer than what is read of them")               \
	X(MEMORY_REFUSED, "memory_refused",                                                        \
	  "times that more memory was asked for than --max-memory allows")

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
