// SPDX-License-Identifier: BSD-2-Clause
#include "other_mallocs/touched_words.h"

#include <errno.h>

#include "malloc/touched_runs.h"
#include "util/account.h"
#include "util/cleanup.h"

#define WORDS_AT_ONCE 4096UL

#define PAGE_BYTES 4096UL

/* Shows the words from @at to @end, which fit into @words. */
static int show_words(const struct memory *memory, uint64_t at, uint64_t end, uint64_t *words,
		      touched_words_fn *look, void *context)
{
	int err = memory__read(memory, at, words, end - at);

	return err ? err : look(at, words, (end - at) / sizeof(*words), context);
}

/* The same page by page, without those pages that cannot be read. */
static int show_pages(const struct memory *memory, uint64_t at, uint64_t end, uint64_t *words,
		      touched_words_fn *look, void *context)
{
	int err = 0;

	while (at < end && !err) {
		uint64_t next = (at | (PAGE_BYTES - 1)) + 1;

		if (next > end)
			next = end;
		err = show_words(memory, at, next, words, look, context);
		if (err == -EFAULT)
			err = 0;
		at = next;
	}
	return err;
}

int touched_words__visit(const struct memory *memory, uint64_t start, uint64_t end,
			 touched_words_fn *look, void *context)
{
	_cleanup_(touched_runs__release) struct touched_runs runs = {};
	_cleanup_account_free_ uint64_t *words =
		account__alloc(memory->account, WORDS_AT_ONCE * sizeof(*words));
	const uint64_t step = WORDS_AT_ONCE * sizeof(*words);
	int err = words ? touched_runs__add(&runs, memory, start, end) : -errno;

	for (size_t i = 0; i < runs.cnt && !err; i++) {
		uint64_t at = runs.items[i].start > start ? runs.items[i].start : start,
			 stop = runs.items[i].end < end ? runs.items[i].end : end;

		for (; at < stop && !err; at += step) {
			uint64_t next = stop - at > step ? at + step : stop;

			err = show_words(memory, at, next, words, look, context);
			if (err == -EFAULT)
				err = show_pages(memory, at, next, words, look, context);
		}
	}
	return err;
}
