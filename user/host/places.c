// SPDX-License-Identifier: BSD-2-Clause
#include "host/places.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "util/cleanup.h"

/* The pidfd and the file of the Python. */
#define DESCRIPTORS_EACH 2
/* For all else: readings in progress, by up to eight readers; BPF, probes, connections. */
#define DESCRIPTORS_OTHERS 128

size_t places__limit(uint64_t max_memory_bytes)
{
	uint64_t cnt = max_memory_bytes / PLACE_BYTES,
		 wanted = cnt * DESCRIPTORS_EACH + DESCRIPTORS_OTHERS;
	struct rlimit files;

	if (!getrlimit(RLIMIT_NOFILE, &files) && files.rlim_cur < wanted) {
		files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
		if (setrlimit(RLIMIT_NOFILE, &files))
			getrlimit(RLIMIT_NOFILE, &files);
		if (files.rlim_cur < wanted)
			cnt = files.rlim_cur > DESCRIPTORS_OTHERS
				      ? (files.rlim_cur - DESCRIPTORS_OTHERS) / DESCRIPTORS_EACH
				      : 0;
	}
	return cnt ? cnt : 1;
}

static int compare_owners(const void *left, const void *right)
{
	process_owner a = *(const process_owner *)left, b = *(const process_owner *)right;

	return (a > b) - (a < b);
}

size_t places__find_yielding(struct watched *const *watched, size_t cnt, process_owner owner)
{
	_cleanup_free_ process_owner *owners = calloc(cnt + 1, sizeof(*owners));
	size_t most_cnt = 0, own_cnt = 0, first = 0, at = cnt;
	process_owner most = owner;

	if (!owners)
		return SIZE_MAX;
	for (size_t i = 0; i < cnt; i++)
		owners[i] = watched__owner(watched[i]);
	if (cnt)
		qsort(owners, cnt, sizeof(*owners), compare_owners);
	for (size_t i = 1; i <= cnt; i++) {
		if (i < cnt && owners[i] == owners[first])
			continue;
		if (owners[first] == owner)
			own_cnt = i - first;
		if (i - first > most_cnt) {
			most_cnt = i - first;
			most = owners[first];
		}
		first = i;
	}
	if (most_cnt <= own_cnt + 1)
		return SIZE_MAX;
	while (at && watched__owner(watched[at - 1]) != most)
		at--;
	return at - 1;
}
