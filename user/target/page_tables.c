// SPDX-License-Identifier: BSD-2-Clause
#include "target/page_tables.h"

#include <errno.h>

#include "target/memory.h"
#include "target/proc_fields.h"
#include "target/proc_text.h"
#include "util/cleanup.h"

#define REGION_SHIFT 21
#define TABLE_BYTES  4096 /* of a region */
/* The share of its account that one process may use: it cannot be given up for others. */
#define SHARE_MAX 8
/* Regions that are read before the kernel is asked: 8 MiB of page tables. */
#define REGIONS_MAX 2048

void page_tables__release(struct page_tables *tables)
{
	account__free(tables->placeholder);
	*tables = (struct page_tables){};
}

/* The size of those that are beyond what the memory takes that the process has written. */
static int measure(pid_t pid, uint64_t *bytes)
{
	_cleanup_(proc_text__release) struct proc_text status = {};
	uint64_t all, written;
	int err = proc_text__read_status(&status, pid);

	if (!err)
		err = proc_fields__page_table_bytes(status.bytes, &all);
	if (!err)
		err = proc_fields__written_bytes(status.bytes, &written);
	if (err)
		return err;
	written = (written >> REGION_SHIFT) * TABLE_BYTES;
	*bytes = all > written ? all - written : 0;
	return 0;
}

/* Takes from the account what they have grown by. A process that is gone has none. */
static int charge(struct page_tables *tables, pid_t pid, struct account *account)
{
	uint64_t most = account__usage(account).limit_bytes / SHARE_MAX, bytes;
	void *placeholder;

	if (measure(pid, &bytes))
		return 0;
	if (!tables->is_known)
		tables->before_bytes = bytes;
	tables->is_known = true;
	if (bytes <= tables->before_bytes + tables->placeholder_bytes)
		return 0;
	bytes -= tables->before_bytes;
	if (bytes > most)
		return account__check_room(account, UINT64_MAX / 2);
	placeholder = account__realloc(account, tables->placeholder, bytes);
	if (!placeholder)
		return -errno;
	tables->placeholder = placeholder;
	tables->placeholder_bytes = bytes;
	return 0;
}

int page_tables__note(struct page_tables *tables, pid_t pid, struct account *account,
		      const struct memory_range *ranges, size_t cnt)
{
	int err = 0;

	pthread_mutex_lock(&tables->lock);
	for (size_t i = 0; i < cnt; i++) {
		uint64_t region = ranges[i].address >> REGION_SHIFT;

		tables->region_cnt +=
			(region != tables->last_region) + (ranges[i].size >> REGION_SHIFT);
		tables->last_region = region;
	}
	if (tables->region_cnt >= REGIONS_MAX) {
		err = charge(tables, pid, account);
		/* After a refusal each reading asks anew, until the process gives memory back. */
		if (!err)
			tables->region_cnt = 0;
	}
	pthread_mutex_unlock(&tables->lock);
	return err;
}
