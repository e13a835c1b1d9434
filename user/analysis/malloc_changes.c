// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/malloc_changes.h"

#include <string.h>

static const uint64_t nothing[ARENA_FIGURE_CNT];

bool malloc_figure__change(const uint64_t *was, const uint64_t *now, enum malloc_figure figure,
			   int64_t *change)
{
	if (was[figure] == FIGURE_UNKNOWN || now[figure] == FIGURE_UNKNOWN)
		return false;
	*change = (int64_t)(now[figure] - was[figure]);
	return true;
}

static const uint64_t *figures_of(const struct arena_record *arena)
{
	return arena ? arena->figures : nothing;
}

/* By how much the free memory of the arena has grown. */
static int64_t growth_of(const struct arena_change *change)
{
	return (int64_t)(change->now->figures[MALLOC_FREE] - figures_of(change->was)[MALLOC_FREE]);
}

/* Puts the change in its place in the list; what has grown least falls out if there is no room. */
static void list_change(struct malloc_change *out, const struct arena_change *change)
{
	size_t at = out->arena_cnt;

	if (at == ARENA_CHANGES_MAX) {
		if (growth_of(change) <= growth_of(&out->arenas[at - 1]))
			return;
		at--;
	} else {
		out->arena_cnt++;
	}
	for (; at && growth_of(&out->arenas[at - 1]) < growth_of(change); at--)
		out->arenas[at] = out->arenas[at - 1];
	out->arenas[at] = *change;
}

static void count_new(struct malloc_change *out, const struct arena_record *arena)
{
	out->new_arenas++;
	out->new_in_use_bytes += arena->figures[MALLOC_IN_USE];
	out->new_free_bytes += arena->figures[MALLOC_FREE];
}

static void note_pinned(struct malloc_change *out, const struct arena_change *change)
{
	int64_t bytes;

	if (!malloc_figure__change(figures_of(change->was), change->now->figures, MALLOC_PINNED,
				   &bytes) ||
	    bytes <= out->most_pinned_bytes)
		return;
	out->most_pinned_bytes = bytes;
	out->most_pinned = change->now;
}

void malloc_change__find(struct malloc_change *out, const struct malloc_record *was,
			 const struct malloc_record *now)
{
	*out = (struct malloc_change){.was = was, .now = now};
	for (size_t i = 0; i < was->arena_cnt; i++)
		out->gone_arenas += !malloc_record__find(now, was->arenas[i].address);
	for (size_t i = 0; i < now->arena_cnt; i++) {
		const struct arena_change change = {
			.was = malloc_record__find(was, now->arenas[i].address),
			.now = &now->arenas[i],
		};

		if (!change.was)
			count_new(out, change.now);
		else if (!memcmp(change.was->figures, change.now->figures,
				 sizeof(change.now->figures)))
			continue;
		note_pinned(out, &change);
		out->changed_arenas++;
		list_change(out, &change);
	}
}

int malloc_changes__note(struct malloc_changes *changes, const struct process_memory *memory,
			 uint64_t read_ns, struct account *account)
{
	int err;

	if (changes->now.read_ns) {
		malloc_record__release(&changes->before);
		changes->before = changes->now;
		changes->now = (struct malloc_record){};
	}
	err = malloc_record__make(&changes->now, memory, read_ns, account);
	return err || changes->first.read_ns
		       ? err
		       : malloc_record__make(&changes->first, memory, read_ns, account);
}

void malloc_changes__release(struct malloc_changes *changes)
{
	malloc_record__release(&changes->first);
	malloc_record__release(&changes->before);
	malloc_record__release(&changes->now);
}

double malloc_changes__seconds(const struct malloc_changes *changes,
			       const struct malloc_record *record)
{
	return (double)(record->read_ns - changes->begun_ns) / 1e9;
}
