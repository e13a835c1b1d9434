// SPDX-License-Identifier: BSD-2-Clause
#include "host/candidates.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/cleanup.h"
#include "util/partition_point.h"

/* The delay of each look, after the process started or after the previous look. */
static const uint64_t delays_ms[] = {500, 2000, 10000, 60000};

void candidates__release(struct candidates *candidates)
{
	free(candidates->items);
	*candidates = (struct candidates){};
}

/* The index of the candidate with @pid, or where it would be inserted. */
static size_t place_of(const struct candidates *candidates, pid_t pid)
{
	return PARTITION_POINT(candidate, candidates->items, candidates->cnt, candidate->pid < pid);
}

static int add(struct candidates *candidates, pid_t pid, uint64_t due_ns)
{
	size_t at = place_of(candidates, pid);
	int err;

	if (at == candidates->cnt || candidates->items[at].pid != pid) {
		err = ARRAY_RESERVE(candidates->items, candidates->capacity, candidates->cnt + 1);
		if (err)
			return err;
		memmove(&candidates->items[at + 1], &candidates->items[at],
			(candidates->cnt - at) * sizeof(*candidates->items));
		candidates->cnt++;
	}
	candidates->items[at] = (struct candidate){.pid = pid, .due_ns = due_ns};
	return 0;
}

int candidates__add(struct candidates *candidates, pid_t pid, uint64_t now_ns)
{
	return add(candidates, pid, now_ns + delays_ms[0] * 1000000);
}

int candidates__add_again(struct candidates *candidates, pid_t pid, uint32_t look_cnt,
			  uint64_t now_ns)
{
	size_t at = place_of(candidates, pid);
	int err;

	/* The process may have executed another program since and been added anew. */
	if (look_cnt >= ARRAY_SIZE(delays_ms) ||
	    (at < candidates->cnt && candidates->items[at].pid == pid))
		return 0;
	err = add(candidates, pid, now_ns + delays_ms[look_cnt] * 1000000);
	if (!err)
		candidates->items[at].look_cnt = look_cnt;
	return err;
}

int candidates__scan(struct candidates *candidates, uint64_t now_ns)
{
	_cleanup_closedir_ DIR *directory = opendir("/proc");
	const struct dirent *entry;
	int err = 0;

	if (!directory)
		return -errno;
	while (!err && (entry = readdir(directory)))
		if (isdigit((unsigned char)*entry->d_name))
			err = add(candidates, (pid_t)strtol(entry->d_name, NULL, 10), now_ns);
	return err;
}

void candidates__look(struct candidates *candidates, uint64_t now_ns, candidates_look_fn *look,
		      void *context)
{
	size_t kept = 0;
	bool stopped = false;

	for (size_t i = 0; i < candidates->cnt; i++) {
		struct candidate candidate = candidates->items[i];

		if (candidate.due_ns <= now_ns && !stopped) {
			enum look_result result = look(context, &candidate);

			stopped = result == LOOK_STOP;
			if (result == LOOK_DONE ||
			    (result == LOOK_AGAIN && ++candidate.look_cnt == ARRAY_SIZE(delays_ms)))
				continue;
			if (result == LOOK_AGAIN)
				candidate.due_ns = now_ns + delays_ms[candidate.look_cnt] * 1000000;
		}
		candidates->items[kept++] = candidate;
	}
	candidates->cnt = kept;
}
