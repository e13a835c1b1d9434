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
#define TABLE_BYTES  4096 /* per region */
/* One process may use one part in SHARE_MAX of its account: it cannot be reclaimed for others. */
#define SHARE_MAX 4
/*
 * All processes together may use one in ALL_SHARE_MAX; each user one in USER_SHARE_MIN even then.
 */
#define ALL_SHARE_MAX  2
#define USER_SHARE_MIN 16
/* Regions read before the kernel is asked again: 8 MiB of page tables; fewer near the limit. */
#define REGIONS_MAX 2048
#define REGIONS_MIN 16

/* The sums of all processes and of each user, and what is left for processes no longer read. */
static struct {
	pthread_mutex_t lock;
	uint64_t bytes;
	struct user_tables {
		process_owner owner;
		uint64_t bytes;
	} * users;
	size_t user_cnt, user_capacity;
	struct leftover {
		pid_t pid;
		process_owner owner;
		void *placeholder;
		uint64_t bytes;
	} * left;
	size_t left_cnt, left_capacity;
} all_tables = {.lock = PTHREAD_MUTEX_INITIALIZER};

/*
 * NULL: the user has none. The lock is held here, in add_to_all(), and where leftovers are dropped.
 */
static struct user_tables *find_user(process_owner owner)
{
	for (size_t i = 0; i < all_tables.user_cnt; i++)
		if (all_tables.users[i].owner == owner)
			return &all_tables.users[i];
	return NULL;
}

/* Returns 0 or -ENOMEM. */
static int add_to_all(process_owner owner, uint64_t more, uint64_t less)
{
	struct user_tables *user = find_user(owner);

	if (!user && more == less)
		return 0;
	if (!user) {
		if (ARRAY_RESERVE(all_tables.users, all_tables.user_capacity,
				  all_tables.user_cnt + 1))
			return -ENOMEM;
		user = &all_tables.users[all_tables.user_cnt++];
		*user = (struct user_tables){.owner = owner};
	}
	user->bytes += more - less;
	all_tables.bytes += more - less;
	if (!user->bytes)
		*user = all_tables.users[--all_tables.user_cnt];
	return 0;
}

struct sums {
	uint64_t all, user;
};

static struct sums sums_of(process_owner owner)
{
	const struct user_tables *user;
	struct sums sums;

	pthread_mutex_lock(&all_tables.lock);
	user = find_user(owner);
	sums = (struct sums){.all = all_tables.bytes, .user = user ? user->bytes : 0};
	pthread_mutex_unlock(&all_tables.lock);
	return sums;
}

/* A pid that was given to another process meanwhile keeps counting until that one is gone. */
static bool is_gone(pid_t pid)
{
	return kill(pid, 0) && errno == ESRCH;
}

static void drop(const struct leftover *one)
{
	account__free(one->placeholder);
	add_to_all(one->owner, 0, one->bytes);
}

static void drop_gone(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < all_tables.left_cnt; i++)
		if (is_gone(all_tables.left[i].pid))
			drop(&all_tables.left[i]);
		else
			all_tables.left[kept++] = all_tables.left[i];
	all_tables.left_cnt = kept;
}

/*
 * Drops what is left of the process if that and @more exceed @all, which is what exists: the
 * process has executed another program since, perhaps repeatedly.
 */
static void drop_older(pid_t pid, uint64_t more, uint64_t all)
{
	size_t kept = 0;

	for (size_t i = 0; i < all_tables.left_cnt; i++)
		more += all_tables.left[i].pid == pid ? all_tables.left[i].bytes : 0;
	if (more <= all)
		return;
	for (size_t i = 0; i < all_tables.left_cnt; i++)
		if (all_tables.left[i].pid == pid)
			drop(&all_tables.left[i]);
		else
			all_tables.left[kept++] = all_tables.left[i];
	all_tables.left_cnt = kept;
}

void page_tables__forget_gone(void)
{
	pthread_mutex_lock(&all_tables.lock);
	drop_gone();
	pthread_mutex_unlock(&all_tables.lock);
}

/* @all: what the process has now. */
static void leave(struct page_tables *tables, uint64_t all)
{
	const struct leftover leftover = {.pid = tables->pid,
					  .owner = tables->owner,
					  .placeholder = tables->placeholder,
					  .bytes = tables->placeholder_bytes};

	pthread_mutex_lock(&all_tables.lock);
	drop_older(tables->pid, leftover.bytes, all);
	if (!ARRAY_RESERVE(all_tables.left, all_tables.left_capacity, all_tables.left_cnt + 1))
		all_tables.left[all_tables.left_cnt++] = leftover;
	else
		drop(&leftover);
	drop_gone();
	pthread_mutex_unlock(&all_tables.lock);
}

/* The size of the page tables beyond those for memory that the process has written. */
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

/* Sets what is taken from the account to @bytes. */
static int resize(struct page_tables *tables, uint64_t bytes)
{
	void *placeholder;
	int err;

	if (!bytes) {
		account__free(TAKE_PTR(tables->placeholder));
	} else if (bytes != tables->placeholder_bytes) {
		placeholder = account__realloc(tables->account, tables->placeholder, bytes);
		if (!placeholder)
			return -errno;
		tables->placeholder = placeholder;
	}
	pthread_mutex_lock(&all_tables.lock);
	err = add_to_all(tables->owner, bytes, tables->placeholder_bytes);
	pthread_mutex_unlock(&all_tables.lock);
	if (!err)
		tables->placeholder_bytes = bytes;
	return err;
}

/*
 * Whether the process is within its share, and all processes, or those of its user, within theirs.
 */
static bool may_have(const struct page_tables *tables)
{
	uint64_t limit = account__usage(tables->account).limit_bytes;
	struct sums sums = sums_of(tables->owner);

	return tables->placeholder_bytes <= limit / SHARE_MAX &&
	       (sums.all <= limit / ALL_SHARE_MAX || sums.user <= limit / USER_SHARE_MIN);
}

/* Charges the growth to the account. A process that is gone has none. */
static int charge(struct page_tables *tables)
{
	uint64_t all, bytes;
	int err;

	if (measure(tables->pid, &all))
		return 0;
	/* Page tables that were refused exist nevertheless. */
	bytes = tables->placeholder_bytes +
		(all > tables->base_bytes ? all - tables->base_bytes : 0);
	/* No more than exist: the process may have unmapped some. */
	if (bytes > all)
		bytes = all;
	err = resize(tables, bytes);
	if (err)
		return err;
	tables->base_bytes = all;
	return may_have(tables) ? 0 : account__check_room(tables->account, UINT64_MAX / 2);
}

/*
 * After how many regions to ask the kernel: many processes may be read for the first time. 0:
 * nothing more may be read of that user's processes.
 */
static uint64_t regions_to_read(const struct page_tables *tables)
{
	uint64_t most = account__usage(tables->account).limit_bytes / ALL_SHARE_MAX, regions;
	struct sums sums = sums_of(tables->owner);

	if (!may_have(tables))
		return 0;
	regions = sums.all < most ? (most - sums.all) / TABLE_BYTES / SHARE_MAX : 0;
	if (regions > REGIONS_MAX)
		return REGIONS_MAX;
	return regions > REGIONS_MIN ? regions : REGIONS_MIN;
}

/* After a refusal each read asks again, until the process gives memory back. */
static int ask(struct page_tables *tables)
{
	int err = charge(tables);

	tables->region_cnt = 0;
	tables->ask_at = err ? 0 : regions_to_read(tables);
	return err;
}

/* If this cannot be measured, the process is gone. */
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
	/* Also find out whether what was refused still exists. */
	if (tables->is_reading && (tables->region_cnt || !tables->ask_at))
		err = ask(tables);
	tables->is_reading = err != 0;
	pthread_mutex_unlock(&tables->lock);
	return err;
}

void page_tables__release(struct page_tables *tables)
{
	uint64_t all = 0;

	page_tables__settle(tables);
	if (tables->placeholder && !measure(tables->pid, &all) && tables->placeholder_bytes > all)
		resize(tables, all);
	if (tables->placeholder)
		leave(tables, all);
	*tables = (struct page_tables){};
}
