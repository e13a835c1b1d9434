// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/memory_files.h"

#include <errno.h>

#include "util/account.h"

void memory_files__release(struct memory_files *files)
{
	account__free(files->items);
	*files = (struct memory_files){};
}

/* By file, and by address within one. */
static int compare_files(const void *a, const void *b)
{
	const struct mapping *left = ((const struct memory_file *)a)->mapping,
			     *right = ((const struct memory_file *)b)->mapping;

	if (left->dev_major != right->dev_major)
		return left->dev_major < right->dev_major ? -1 : 1;
	if (left->dev_minor != right->dev_minor)
		return left->dev_minor < right->dev_minor ? -1 : 1;
	if (left->inode != right->inode)
		return left->inode < right->inode ? -1 : 1;
	return (left->start > right->start) - (left->start < right->start);
}

static int compare_sizes(const void *a, const void *b)
{
	const struct memory_file *left = a, *right = b;

	if (left->share.resident_bytes != right->share.resident_bytes)
		return left->share.resident_bytes > right->share.resident_bytes ? -1 : 1;
	return compare_files(a, b);
}

static struct memory_file describe(const struct smaps *smaps, const struct memory_region *region)
{
	const struct mapping *mappings = smaps->mappings.items;
	const struct smaps_usage *usage = &smaps->usages[region->mapping];
	struct memory_file file = {
		.mapping = &mappings[region->owner],
		.share = {.mapped_bytes = region->end - region->start,
			  .resident_bytes = region->resident_bytes,
			  .swap_bytes = region->swap_bytes},
		.private_dirty_bytes = region->resident_bytes,
	};

	if (!mappings[region->mapping].inode)
		return file; /* static data behind the file */
	file.private_dirty_bytes = usage->private_dirty_bytes;
	file.private_clean_bytes = usage->private_clean_bytes;
	file.shared_bytes = usage->shared_dirty_bytes + usage->shared_clean_bytes;
	return file;
}

static void add_to(struct memory_file *file, const struct memory_file *other)
{
	file->share.mapped_bytes += other->share.mapped_bytes;
	file->share.resident_bytes += other->share.resident_bytes;
	file->share.swap_bytes += other->share.swap_bytes;
	file->private_dirty_bytes += other->private_dirty_bytes;
	file->private_clean_bytes += other->private_clean_bytes;
	file->shared_bytes += other->shared_bytes;
}

/* Makes one item of all of a file; they are sorted. */
static void join(struct memory_files *files)
{
	size_t cnt = 0;

	for (size_t i = 0; i < files->cnt; i++) {
		if (cnt &&
		    mapping__is_same_file(files->items[cnt - 1].mapping, files->items[i].mapping))
			add_to(&files->items[cnt - 1], &files->items[i]);
		else
			files->items[cnt++] = files->items[i];
	}
	files->cnt = cnt;
}

int memory_files__list(struct memory_files *out, const struct memory_region *regions, size_t cnt,
		       const struct smaps *smaps, struct account *account)
{
	struct memory_files files = {
		.items = account__calloc(account, cnt + 1, sizeof(*files.items))};
	int err;

	if (!files.items)
		return -errno;
	for (size_t i = 0; i < cnt; i++)
		if (regions[i].part == MEMORY_FILES)
			files.items[files.cnt++] = describe(smaps, &regions[i]);
	err = account__sort(account, files.items, files.cnt, sizeof(*files.items), compare_files);
	if (!err) {
		join(&files);
		err = account__sort(account, files.items, files.cnt, sizeof(*files.items),
				    compare_sizes);
	}
	if (err) {
		memory_files__release(&files);
		return err;
	}
	*out = files;
	return 0;
}
