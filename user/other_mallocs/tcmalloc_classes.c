// SPDX-License-Identifier: BSD-2-Clause
#include "other_mallocs/tcmalloc_classes.h"

#include <errno.h>

#include "other_mallocs/target_areas.h"
#include "other_mallocs/touched_words.h"

/* How a table begins. No number comes twice, so a mismatch can only be the first one again. */
static const uint32_t beginning[] = {0, 8, 16, 32, 48, 64, 80, 96};

#define BEGINNING_CNT (sizeof(beginning) / sizeof(*beginning))

struct search {
	uint64_t next;	/* address behind the number that was looked at last */
	size_t matched; /* numbers of the beginning, up to there */
};

static void look_at_number(struct search *search, uint32_t number)
{
	if (number == beginning[search->matched])
		search->matched++;
	else
		search->matched = number == beginning[0];
	search->next += sizeof(number);
}

/* Returns 1 once the beginning of a table is found: it ends at search->next. */
static int look_for_table(uint64_t address, const uint64_t *words, size_t cnt, void *context)
{
	struct search *search = context;

	if (address != search->next)
		*search = (struct search){.next = address};
	for (size_t i = 0; i < 2 * cnt; i++) {
		look_at_number(search, (uint32_t)(words[i / 2] >> (i % 2 ? 32 : 0)));
		if (search->matched == BEGINNING_CNT)
			return 1;
	}
	return 0;
}

/* Sets the number of classes: their sizes increase. */
static void count_classes(struct tcmalloc_classes *classes)
{
	size_t cnt = BEGINNING_CNT;

	while (cnt < TCMALLOC_CLASSES_MAX && classes->bytes[cnt] > classes->bytes[cnt - 1])
		cnt++;
	classes->cnt = cnt;
}

int tcmalloc_classes__find(struct tcmalloc_classes *out, const struct target *target,
			   const struct mapping *file)
{
	struct search search = {};
	struct static_area area;
	int err;

	*out = (struct tcmalloc_classes){};
	if (!static_area__find(&area, target, (size_t)(file - target->maps)))
		return 0;
	err = touched_words__visit(target->memory, area.start, area.end, look_for_table, &search);
	if (err <= 0)
		return err;
	err = memory__read(target->memory, search.next - sizeof(beginning), out->bytes,
			   sizeof(out->bytes));
	if (!err)
		count_classes(out);
	return err == -EFAULT ? 0 : err;
}
