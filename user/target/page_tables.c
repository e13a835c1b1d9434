// SPDX-License-Identifier: BSD-2-Clause
#include "target/page_tables.h"

#include <errno.h>
#include <signal.h>

#include "target/memory.h"
#include "target/proc_fields.h"
#include "target/proc_text.h"
#include "util/array.h"
#include "util/cleanup.h"

#define REGION_SHIFT 21
#define TABLE_BYTES  4096 /* of a region */
/* The share of its account that one process may use: it cannot be given up for others. */
#define SHARE_MAX 4
/* And that of all processes together; each may have a little nevertheless. */
#define ALL_SHARE_MAX 2
#define SMALL_BYTES   (64UL << 10)
/* Regions that are read before the kernel is asked: 8 MiB of page tables; fewer near the limit. */
#define REGIONS_MAX 2048
#define REGIONS_MIN 16

/* Of all processes together, and what is left in those that are not read any more. */
static struct {
	pthread_mutex_t lock;
	uint64_t bytes;
	struct leftover {
		pid_t pid;
		void *placeholder;
		uint64_t bytes;
	} * left;
	size_t left_cnt, left_capacity;
} all_tables = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void add_to_all(uint64_t more, uint64_t less)
{
	pthread_mutex_lock(&all_tables.lock);
	all_tables.bytes += more - less;
	pthread_mutex_unlock(&all_tables.lock);
}

static uint64_t bytes_of_all(void)
{
	uint64_t bytes;

	pthread_mutex_lock(&all_tables.lock);
	bytes = all_tables.bytes;
	pthread_mutex_unlock(&all_tables.lock);
	return bytes;
}

/* An id that was given to another process by now counts on until that one is gone. */
static bool is_gone(pid_t pid)
{
	return kill(pid, 0) && errno == ESRCH;
}

static void drop_gone(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < all_tables.left_cnt; i++) {
		struct leftover *one = &all_tables.left[i];

		if (is_gone(one->pid)) {
			account__free(one->placeholder);
			all_tables.bytes -= one->bytes;
		} else {
			all_tables.left[kept++] = *one;
		}
	}
	all_tables.left_cnt = kept;
}

void page_tables__forget_gone(void)
{
	pthread_mutex_lock(&all_tables.lock);
	drop_gone();
	pthread_mutex_unlock(&all_tables.lock);
}

static void leave(struct page_tables *tables)
{
	const struct leftover leftover = {.pid = tables->pid,
					  .placeholder = tables->placeholder,
					  .bytes = tables->placeholder_bytes};

	pthread_mutex_lock(&all_tables.lock);
	if (!ARRAY_RESERVE(all_tables.left, all_tables.left_capacity, all_tables.left_cnt + 1)) {
		all_tables.left[all_tables.left_cnt++] = leftover;
	} else {
		account__free(leftover.placeholder);
		all_tables.bytes -= leftover.bytes;
	}
	drop_gone();
	pthread_mutex_unlock(&all_tables.lock);
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

/* Takes @bytes from the account, in all. */
static int resize(struct page_tables *tables, uint64_t bytes)
{
	void *placeholder;

	if (!bytes) {
		account__free(TAKE_PTR(tables->placeholder));
	} else if (bytes != tables->placeholder_bytes) {
		placeholder = account__realloc(tables->account, tables->placeholder, bytes);
		if (!placeholder)
			return -errno;
		tables->placeholder = placeholder;
	}
	add_to_all(bytes, tables->placeholder_bytes);
	tables->placeholder_bytes = bytes;
	return 0;
}

/* Whether the process may have @bytes of them: no more than its share, nor all than theirs. */
static bool may_have(const struct page_tables *tables, uint64_t bytes)
{
	uint64_t limit = account__usage(tables->account).limit_bytes;

	return bytes <= limit / SHARE_MAX &&
	       (bytes <= SMALL_BYTES ||
		bytes_of_all() - tables->placeholder_bytes + bytes <= limit / ALL_SHARE_MAX);
}

/* Takes from the account what they have grown by. A process that is gone has none. */
static int charge(struct page_tables *tables)
{
	uint64_t all, bytes;
	int err;

	if (measure(tables->pid, &all))
		return 0;
	/* Also what is refused is there. */
	bytes = tables->placeholder_bytes +
		(all > tables->base_bytes ? all - tables->base_bytes : 0);
	/* No more than there are: it may have unmapped some. */
	if (bytes > all)
		bytes = all;
	err = resize(tables, bytes);
	if (err)
		return err;
	tables->base_bytes = all;
	return may_have(tables, bytes) ? 0 : account__check_room(tables->account, UINT64_MAX / 2);
}

/* After how many regions to ask: many processes may be read for the first time. */
static uint64_t regions_to_read(const struct page_tables *tables)
{
	uint64_t most = account__usage(tables->account).limit_bytes / ALL_SHARE_MAX,
		 all = bytes_of_all(), regions;

	regions = all < most ? (most - all) / TABLE_BYTES / SHARE_MAX : 0;
	if (regions > REGIONS_MAX)
		return REGIONS_MAX;
	return regions > REGIONS_MIN ? regions : REGIONS_MIN;
}

/* After a refusal each reading asks anew, until the process gives memory back. */
static int ask(struct page_tables *tables)
{
	int err = charge(tables);

	tables->region_cnt = 0;
	tables->ask_at = err ? 0 : regions_to_read(tables);
	return err;
}

/* A process of which that is not known is gone. */
static void begin(struct page_tables *tables, pid_t pid, struct account *account)
{
	tables->pid = pid;
	tables->account = account;
	tables->region_cnt = 0;
	tables->ask_at = regions_to_read(tables);
	tables->is_reading = !measure(pid, &tables->base_bytes);
}

int page_tables__note(struct page_tables *tables, pid_t pid, struct account *account,
		      const struct memory_range *ranges, size_t *cnt)
{
	int err = 0;

	pthread_mutex_lock(&tables->lock);
	if (!tables->is_reading)
		begin(tables, pid, account);
	if (tables->region_cnt >= tables->ask_at)
		err = ask(tables);
	for (size_t i = 0; i < *cnt; i++) {
		uint64_t region = ranges[i].address >> REGION_SHIFT;

		tables->region_cnt +=
			(region != tables->last_region) + (ranges[i].size >> REGION_SHIFT);
		tables->last_region = region;
		if (tables->region_cnt >= tables->ask_at)
			*cnt = i + 1;
	}
	pthread_mutex_unlock(&tables->lock);
	return err;
}

int page_tables__settle(struct page_tables *tables)
{
	int err = 0;

	pthread_mutex_lock(&tables->lock);
	/* Also whether what was refused is still there. */
	if (tables->is_reading && (tables->region_cnt || !tables->ask_at))
		err = ask(tables);
	tables->is_reading = err != 0;
	pthread_mutex_unlock(&tables->lock);
	return err;
}

void page_tables__release(struct page_tables *tables)
{
	page_tables__settle(tables);
	if (tables->placeholder)
		leave(tables);
	*tables = (struct page_tables){};
}
