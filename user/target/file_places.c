// SPDX-License-Identifier: BSD-2-Clause
#include "target/file_places.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "target/mapped_file.h"

static bool continues(const struct file_place *place, const struct mapping *mapping)
{
	return place->end == mapping->start &&
	       place->offset + (place->end - place->start) == mapping->offset;
}

int file_places__collect(struct file_places *out, const struct mapping *maps, size_t cnt,
			 const struct mapping *mapping)
{
	struct file_places places = {};

	for (size_t i = 0; i < cnt; i++) {
		struct file_place *last = places.cnt ? &places.items[places.cnt - 1] : NULL;

		if (!mapping__is_same_file(&maps[i], mapping))
			continue;
		if (last && continues(last, &maps[i])) {
			last->end = maps[i].end;
			continue;
		}
		if (places.cnt == FILE_PLACES_MAX)
			return -E2BIG;
		places.items[places.cnt++] = (struct file_place){.start = maps[i].start,
								 .end = maps[i].end,
								 .offset = maps[i].offset};
	}
	*out = places;
	return 0;
}

static bool is_file_of(int fd, const struct target *target, const struct mapping *mapping)
{
	struct mapped_file file;
	struct stat status;
	bool is_same;

	if (fstat(fd, &status) || mapped_file__find(&file, target, mapping))
		return false;
	is_same = file.identity.device == status.st_dev && file.identity.inode == status.st_ino;
	mapped_file__release(&file);
	return is_same;
}

static int find_places(struct file_places *out, const struct target *target, int fd,
		       uint64_t address)
{
	const struct mapping *mapping = target__find_mapping(target, address);

	if (target->maps_are_cut)
		return -E2BIG;
	if (!mapping || !mapping->inode || !is_file_of(fd, target, mapping))
		return -ESTALE;
	return file_places__collect(out, target->maps, target->map_cnt, mapping);
}

int file_places__find(struct file_places *out, struct target *target, int fd, uint64_t address)
{
	struct failure failure;
	int err = target__reload_maps(target, &failure);

	if (!target__is_alive(target))
		return -ESRCH;
	if (err)
		return err;
	err = find_places(out, target, fd, address);
	target__forget_maps(target);
	return err;
}
