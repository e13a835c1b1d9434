// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/top_pin_summary.h"

uint64_t top_pin__kept_bytes(const struct top_pin *pin)
{
	uint64_t bytes = pin->released_bytes + pin->withheld_bytes;

	return bytes > pin->top_now_bytes ? bytes - pin->top_now_bytes : 0;
}

/* How many of the pins of an arena are worth freeing. What they keep never gets less. */
static size_t count_worthwhile(const struct top_pin *pins, size_t cnt)
{
	size_t worthwhile = 0;

	while (worthwhile < cnt &&
	       top_pin__kept_bytes(&pins[worthwhile]) < top_pin__kept_bytes(&pins[cnt - 1]) / 2)
		worthwhile++;
	return worthwhile + 1;
}

static void add_arena(struct top_pin_summary *sum, const struct top_pin *pins, size_t cnt,
		      uint64_t *most)
{
	const struct top_pin *last;

	if (!top_pin__kept_bytes(&pins[cnt - 1]))
		return;
	cnt = count_worthwhile(pins, cnt);
	last = &pins[cnt - 1];
	sum->arenas++;
	sum->chunks += cnt;
	for (size_t i = 0; i < cnt; i++) {
		sum->chunk_bytes += pins[i].size;
		sum->cacheable += pins[i].may_be_cached;
	}
	sum->kept_bytes += top_pin__kept_bytes(last);
	sum->released_bytes += last->released_bytes;
	sum->withheld_bytes += last->withheld_bytes;
	if (top_pin__kept_bytes(last) > *most) {
		*most = top_pin__kept_bytes(last);
		sum->first = pins;
	}
}

struct top_pin_summary top_pins__sum_up(const struct top_pins *pins)
{
	struct top_pin_summary sum = {};
	uint64_t most = 0;

	for (size_t i = 0, cnt; i < pins->cnt; i += cnt) {
		for (cnt = 1; i + cnt < pins->cnt; cnt++)
			if (pins->items[i + cnt].arena != pins->items[i].arena)
				break;
		add_arena(&sum, &pins->items[i], cnt, &most);
	}
	return sum;
}
