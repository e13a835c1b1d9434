// SPDX-License-Identifier: BSD-2-Clause
#include "target/module_data.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "util/checked.h"
#include "util/cleanup.h"

/* Data up to this size is copied as a whole. */
#define COPY_BYTES_MAX (32UL << 20)
/* Larger data may have at most this much that was touched. */
#define TOUCHED_BYTES_MAX (1UL << 30)
/* Limit for all data: finding out what was touched of it takes 8 bytes per page. */
#define DATA_BYTES_MAX (64UL << 30)
/* Bytes read at a time. */
#define PIECE_BYTES (1UL << 20)
/* The most bytes that read as zero because of one unreadable page. */
#define RANGE_BYTES (64UL << 10)
#define RANGE_CNT   ((PIECE_BYTES + DATA_TAIL_BYTES) / RANGE_BYTES + 1)

/*
 * What is searched for may begin in a page that was never touched and continue in one that was.
 * Small gaps between pages that were touched are read, too.
 */
#define PAGE_BYTES 4096UL
#define GAP_BYTES  (16 * PAGE_BYTES)

/* Reads the pages of a range one by one. Those that are swapped out or unreadable are zero. */
static int read_pages(const struct memory *memory, const struct memory_range *whole)
{
	struct memory_range pages[RANGE_BYTES / PAGE_BYTES + 1];
	uint64_t end = whole->address + whole->size;
	size_t cnt = 0;
	int err;

	for (uint64_t at = whole->address, next; at < end; at = next) {
		next = (at | (PAGE_BYTES - 1)) + 1 < end ? (at | (PAGE_BYTES - 1)) + 1 : end;
		pages[cnt++] = (struct memory_range){
			.address = at,
			.buffer = (uint8_t *)whole->buffer + (at - whole->address),
			.size = next - at,
		};
	}
	err = memory__read_ranges(memory, pages, cnt);
	for (size_t i = 0; i < cnt && !err; i++)
		if (pages[i].failed)
			memset(pages[i].buffer, 0, pages[i].size);
	return err;
}

/* Reads @size bytes, at most PIECE_BYTES + DATA_TAIL_BYTES. Unreadable bytes are zero. */
static int read_piece(const struct memory *memory, uint64_t address, uint8_t *bytes, size_t size)
{
	struct memory_range ranges[RANGE_CNT];
	size_t cnt = 0;
	int err;

	for (size_t at = 0; at < size; at += RANGE_BYTES)
		ranges[cnt++] = (struct memory_range){
			.address = address + at,
			.buffer = bytes + at,
			.size = size - at < RANGE_BYTES ? size - at : RANGE_BYTES,
		};
	err = memory__read_ranges(memory, ranges, cnt);
	for (size_t i = 0; i < cnt && !err; i++) {
		if (ranges[i].is_swapped)
			err = read_pages(memory, &ranges[i]);
		else if (ranges[i].failed)
			memset(ranges[i].buffer, 0, ranges[i].size);
	}
	return err;
}

static int add_segment(struct data_image *image, struct account *account, uint64_t address,
		       uint64_t size)
{
	int err = ACCOUNT_RESERVE(account, image->segments, image->segment_capacity,
				  image->segment_cnt + 1);

	if (!err)
		image->segments[image->segment_cnt++] =
			(struct data_segment){.address = address, .size = size};
	return err;
}

static int copy_segments(struct data_image *image, const struct memory *memory)
{
	int err = 0;

	for (size_t i = 0; i < image->segment_cnt; i++) {
		struct data_segment *segment = &image->segments[i];

		segment->bytes = account__alloc(memory->account, segment->size);
		if (!segment->bytes)
			return -errno;
		for (size_t at = 0; at < segment->size && !err; at += PIECE_BYTES)
			err = read_piece(memory, segment->address + at, segment->bytes + at,
					 segment->size - at < PIECE_BYTES ? segment->size - at
									  : PIECE_BYTES);
	}
	return err;
}

/* Collects the touched pages of one segment. */
struct touched_search {
	struct data_image *image;
	struct account *account;
	const struct data_segment *whole;
	size_t first; /* index of the first segment of the image that is part of it */
	uint64_t *bytes;
};

static int add_touched(uint64_t start, uint64_t end, void *context)
{
	struct touched_search *search = context;
	struct data_image *image = search->image;
	uint64_t whole_start = search->whole->address,
		 whole_end = whole_start + search->whole->size;
	struct data_segment *last = image->segment_cnt > search->first
					    ? &image->segments[image->segment_cnt - 1]
					    : NULL;
	uint64_t before = last ? last->size : 0;
	int err = 0;

	start = start > whole_start + PAGE_BYTES ? start - PAGE_BYTES : whole_start;
	end = end + PAGE_BYTES < whole_end ? end + PAGE_BYTES : whole_end;
	if (last && start <= last->address + last->size + GAP_BYTES) {
		last->size = end - last->address;
		*search->bytes += last->size - before;
	} else {
		err = add_segment(image, search->account, start, end - start);
		*search->bytes += end - start;
	}
	return !err && *search->bytes > TOUCHED_BYTES_MAX ? -EFBIG : err;
}

/* Reduces the segments to what was touched; keeps all of them where that is unknown. */
static int keep_touched(struct data_image *image, const struct memory *memory)
{
	_cleanup_(data_image__free) struct data_image touched = {.module_start =
									 image->module_start,
								 .module_end = image->module_end};
	uint64_t bytes = 0;
	int err = 0;

	for (size_t i = 0; i < image->segment_cnt && !err; i++) {
		const struct data_segment *whole = &image->segments[i];
		struct touched_search search = {.image = &touched,
						.account = memory->account,
						.whole = whole,
						.first = touched.segment_cnt,
						.bytes = &bytes};

		err = memory__find_touched(memory, whole->address, whole->address + whole->size,
					   add_touched, &search);
		if (err == -ENODATA)
			err = add_touched(whole->address, whole->address + whole->size, &search);
	}
	if (err)
		return err;
	data_image__free(image);
	*image = touched;
	touched = (struct data_image){};
	return 0;
}

/* Adds all writable segments, as the headers describe them. */
static int find_segments(struct data_image *image, const struct module *module,
			 struct account *account)
{
	const struct elf_segment *segments;
	size_t cnt = elf_file__segments(module->elf, &segments);
	uint64_t total = 0;
	int err = 0;

	for (size_t i = 0; i < cnt && !err; i++) {
		uint64_t start = segments[i].address + module->bias, end;

		if (!checked_add(start, segments[i].memory_size, &end))
			return -EFBIG;
		if (!image->module_start || start < image->module_start)
			image->module_start = start;
		if (end > image->module_end)
			image->module_end = end;
		if (!segments[i].writable || !segments[i].memory_size)
			continue;
		if (!checked_add(total, segments[i].memory_size, &total) || total > DATA_BYTES_MAX)
			return -EFBIG;
		err = add_segment(image, account, start, segments[i].memory_size);
	}
	return err;
}

int module__read_data(const struct module *module, const struct memory *memory,
		      struct data_image *out)
{
	_cleanup_(data_image__free) struct data_image image = {};
	int err = find_segments(&image, module, memory->account);

	if (err)
		return err;
	err = data_image__bytes(&image) <= COPY_BYTES_MAX ? copy_segments(&image, memory)
							  : keep_touched(&image, memory);
	if (err)
		return err;
	*out = image;
	image = (struct data_image){};
	return 0;
}

void data_image__free(struct data_image *image)
{
	for (size_t i = 0; i < image->segment_cnt; i++)
		account__free(image->segments[i].bytes);
	account__free(image->segments);
	*image = (struct data_image){};
}

uint64_t data_image__bytes(const struct data_image *image)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < image->segment_cnt; i++)
		bytes += image->segments[i].size;
	return bytes;
}

static int visit_copy(const struct data_segment *segment, data_image_fn *look, void *context)
{
	const struct data_piece piece = {.address = segment->address,
					 .bytes = segment->bytes,
					 .size = segment->size,
					 .extent = segment->size};

	return look(&piece, context);
}

static int visit_memory(const struct data_segment *segment, const struct memory *memory,
			uint8_t *bytes, data_image_fn *look, void *context)
{
	int err = 0;

	for (size_t at = 0; at < segment->size && !err; at += PIECE_BYTES) {
		size_t left = segment->size - at, extent = PIECE_BYTES + DATA_TAIL_BYTES;
		const struct data_piece piece = {
			.address = segment->address + at,
			.bytes = bytes,
			.size = left < PIECE_BYTES ? left : PIECE_BYTES,
			.extent = left < extent ? left : extent,
		};

		err = read_piece(memory, piece.address, bytes, piece.extent);
		if (!err)
			err = look(&piece, context);
	}
	return err;
}

int data_image__visit(const struct data_image *image, const struct memory *memory,
		      data_image_fn *look, void *context)
{
	_cleanup_account_free_ uint8_t *bytes = NULL;
	int err = 0;

	for (size_t i = 0; i < image->segment_cnt && !err; i++) {
		const struct data_segment *segment = &image->segments[i];

		if (segment->bytes) {
			err = visit_copy(segment, look, context);
			continue;
		}
		if (!bytes)
			bytes = account__alloc(memory->account, PIECE_BYTES + DATA_TAIL_BYTES);
		if (!bytes)
			return -errno;
		err = visit_memory(segment, memory, bytes, look, context);
	}
	return err;
}
