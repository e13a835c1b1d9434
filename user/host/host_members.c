// SPDX-License-Identifier: BSD-2-Clause
#include "host/host_members.h"

#include <errno.h>
#include <string.h>

#include "host/places.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/partition_point.h"

size_t host_members__place(const struct host *host, pid_t pid)
{
	return PARTITION_POINT(watched, host->watched, host->watched_cnt, (*watched)->pid < pid);
}

struct watched *host_members__find(const struct host *host, pid_t pid)
{
	size_t at = host_members__place(host, pid);

	return at < host->watched_cnt && host->watched[at]->pid == pid ? host->watched[at] : NULL;
}

/* Removing probes may take forever, so it is done by a job when there is a place for one. */
void host_members__dismiss(struct host *host, struct watched *watched)
{
	if (!watched->growth) {
		watched__free(watched);
	} else if (ARRAY_RESERVE(host->leaving, host->leaving_capacity, host->leaving_cnt + 1)) {
		host->out_of_memory = true;
		watched__free(watched);
	} else {
		host->leaving[host->leaving_cnt++] = watched;
	}
}

/* A process that is being read is freed when its reading has finished. */
void host_members__drop(struct host *host, size_t at)
{
	struct watched *watched = host->watched[at];
	struct job *job = jobs__find_late(&host->jobs, watched->pid);

	memmove(&host->watched[at], &host->watched[at + 1],
		(--host->watched_cnt - at) * sizeof(*host->watched));
	host->counts.gone++;
	if (host->refused == watched)
		host->refused = NULL;
	if (job && job->watched == watched)
		job->owns_watched = true;
	else
		host_members__dismiss(host, watched);
}

bool host_members__make_room(struct host *host, const struct watched *watched)
{
	size_t yielding;

	if (host->watched_cnt < host->place_cnt)
		return true;
	host->counts.left_out++;
	if (!host->left_out_ns)
		host->left_out_ns = clock_ns(CLOCK_MONOTONIC);
	yielding = places__find_yielding(host->watched, host->watched_cnt, watched__owner(watched));
	if (yielding == SIZE_MAX)
		return false;
	host_members__drop(host, yielding);
	return true;
}

int host_members__insert(struct host *host, struct watched *watched)
{
	size_t at = host_members__place(host, watched->pid);

	if (ARRAY_RESERVE(host->watched, host->watched_capacity, host->watched_cnt + 1))
		return -ENOMEM;
	memmove(&host->watched[at + 1], &host->watched[at],
		(host->watched_cnt - at) * sizeof(*host->watched));
	host->watched[at] = watched;
	host->watched_cnt++;
	host->counts.found++;
	return 0;
}
