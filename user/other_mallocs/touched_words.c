// SPDX-License-Identifier: BSD-2-Clause
#include "other_mallocs/touched_words.h"

#include <errno.h>

#include "malloc/touched_runs.h"
#include "util/account.h"
#include "util/cleanup.h"

#define WORDS_AT_ONCE 4096UL

/* Shows the words from @at on, as many as fit into @words, and returns how many in *@cnt. */
static int show_words(const struct memory *memory, uint64_t at, uint64_t end, uint64_t *words,
		      touched_words_fn *look, void *context)
{
	size_t cnt = (end - at) / sizeof(*words);
	int err = memory__read(memory, at, words, cnt * sizeof(*words));

	if (err == -EFAULT)
		return 0;
	return err ? err : look(at, words, cnt, context);
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

		for (; at < stop && !err; at += step)
			err = show_words(memory, at, stop - at > step ? at + step : stop, words,
					 look, context);
	}
	return err;
}
