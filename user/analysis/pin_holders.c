// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/pin_holders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/census_kinds.h"
#include "census/value.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/cpu_allowance.h"

#define VALUE_CHARACTERS 40
#define PYOBJECT_BYTES	 16
/* PyTuple_MAXSAVESIZE, Include/internal/pycore_tuple.h; there is no free list for longer ones */
#define FREE_LISTED_ITEMS_MAX 20

/* Code of modules: in the current arena, in the arena that has the most, in all arenas. */
struct code_count {
	uint32_t arena;
	struct module_code here, most, all;
};

struct work {
	struct pin_holders *holders;
	const struct pinned *pinned;
	const struct graph *graph;
	const struct roots *roots;
	struct retention *retention;
	const struct pin_holders_options *options;
	struct account *account;
	struct code_count code;
};

void pin_holders__release(struct pin_holders *holders)
{
	for (size_t i = 0; i < holders->story_cnt; i++) {
		account__free(holders->stories[i].value);
		account__free(holders->stories[i].path);
	}
	account__free(holders->stories);
	pin_ranking__release(&holders->by_kind);
	pin_ranking__release(&holders->by_path);
	pin_ranking__release(&holders->unreached);
	*holders = (struct pin_holders){};
}

static int learn(struct retention *retention, const struct pins *pins, struct account *account)
{
	_cleanup_account_free_ uint32_t *nodes =
		account__calloc(account, pins->cnt + 1, sizeof(*nodes));

	if (!nodes)
		return -errno;
	for (size_t i = 0; i < pins->cnt; i++)
		nodes[i] = pins->items[i].place;
	return retention__learn(retention, nodes, pins->cnt);
}

/*
 * Copies @text and charges it to the account: there are as many texts as pinning blocks. NULL stays
 * NULL.
 */
static int keep_text(const struct work *work, const char *text, char **out)
{
	if (!text)
		return 0;
	*out = account__strdup(work->account, text);
	return *out ? 0 : -errno;
}

static int make_path(const struct work *work, const struct retention_path *path, bool generic,
		     char **out)
{
	const struct path_text_options options = {.no_values = work->options->no_values,
						  .generic = generic};

	return path_text__make(out, work->graph, work->roots, path, &options);
}

/*
 * There is a free list for each length of tuples, and ob_size of a tuple on it is still the length.
 */
static int count_free_listed_items(const struct work *work, uint32_t place, struct pin_story *story)
{
	const struct census *census = work->graph->census;
	uint32_t kind = census->blocks.words[place];
	int err;

	if (!(census__object_type(census, kind)->flags & TYPE_TUPLE_SUBCLASS))
		return 0;
	err = memory__read(census->memory,
			   block_table__address(&census->blocks, place) +
				   census__object_offset(census, kind) + PYOBJECT_BYTES,
			   &story->items, sizeof(story->items));
	story->has_items = !err && story->items <= FREE_LISTED_ITEMS_MAX;
	return memory__is_missing(err) ? 0 : err;
}

static int find_story(const struct work *work, uint64_t address, struct pin_story *story)
{
	uint32_t place = block_table__find(&work->graph->census->blocks, address);
	_cleanup_(retention_path__release) struct retention_path path = {};
	_cleanup_free_ char *value = NULL, *text = NULL;
	int err = 0;

	if (place == PLACE_NONE)
		return 0;
	if (block_kind__role(work->graph->census->blocks.words[place]) == BLOCK_FREE_LISTED)
		return count_free_listed_items(work, place, story);
	if (!work->options->no_values)
		err = value__describe(&value, work->graph->census,
				      graph__address(work->graph, place),
				      graph__type(work->graph, place), VALUE_CHARACTERS);
	if (!err)
		err = keep_text(work, value, &story->value);
	if (!err)
		err = retention__path(work->retention, place, &path);
	if (err || !path.step_cnt)
		return err;
	if (path.root) {
		story->root_kind = path.root->kind;
		story->root_name = work->roots->labels[path.root->label];
	}
	err = make_path(work, &path, false, &text);
	return err ? err : keep_text(work, text, &story->path);
}

static int find_stories(struct work *work)
{
	struct pin_holders *holders = work->holders;
	int err = 0;

	holders->stories = account__calloc(work->account, work->pinned->block_cnt + 1,
					   sizeof(*holders->stories));
	if (!holders->stories)
		return -errno;
	holders->story_cnt = work->pinned->block_cnt;
	for (size_t i = 0; i < holders->story_cnt && !err && !(err = cpu_allowance__check()); i++)
		err = find_story(work, work->pinned->blocks[i].address, &holders->stories[i]);
	return err;
}

/*
 * Whether the object at the end of @path belongs to a module: only names lead there, and no
 * container except for the constants of code. @text: the path without keys and indexes.
 */
static bool is_of_module(const struct retention_path *path, const char *text)
{
	static const char item[] = "[*]", constants[] = ".co_consts";
	const size_t length = strlen(constants);

	if (!path->root || path->root->kind != ROOT_MODULE)
		return false;
	for (const char *at = text; (at = strstr(at, item)); at += strlen(item))
		if (at < text + length || strncmp(at - length, constants, length) != 0)
			return false;
	return true;
}

static bool is_code(const struct census *census, uint32_t kind)
{
	static const char *const names[] = {"function", "code",	       "type",	      "module",
					    "property", "classmethod", "staticmethod"};
	const char *type = census_kinds__type(census, kind);

	for (size_t i = 0; i < ARRAY_SIZE(names) && type; i++)
		if (!strcmp(type, names[i]))
			return block_kind__role(kind) != BLOCK_FREE_LISTED;
	return false;
}

static void add_code(struct module_code *code, const struct pin *pin)
{
	code->blocks++;
	code->hostage_bytes += pin->hostage_bytes;
	code->freed_bytes += pin->freed_bytes;
}

static void count_code(struct code_count *count, const struct pin *pin)
{
	if (pin->arena != count->arena)
		count->here = (struct module_code){};
	count->arena = pin->arena;
	add_code(&count->here, pin);
	add_code(&count->all, pin);
	if (count->here.blocks >= count->most.blocks) /* arenas with more blocks come later */
		count->most = count->here;
}

static struct module_code late_code(const struct code_count *count)
{
	return (struct module_code){
		.blocks = count->all.blocks - count->most.blocks,
		.hostage_bytes = count->all.hostage_bytes - count->most.hostage_bytes,
		.freed_bytes = count->all.freed_bytes - count->most.freed_bytes,
	};
}

/* Counts what advice needs in addition to by_path. */
static int count_part(struct work *work, const struct pin *pin, const struct retention_path *path,
		      const char *text)
{
	const struct census *census = work->graph->census;
	uint32_t kind = pin_ranking__kind(census, pin->place, BY_TYPE);

	if (!text)
		return pin_ranking__count_kind(&work->holders->unreached, kind, pin,
					       graph__block_bytes(work->graph, pin->place));
	if (is_code(census, kind) && is_of_module(path, text))
		count_code(&work->code, pin);
	return 0;
}

static int rank_by_path(struct work *work, const struct pin *pin)
{
	const struct census *census = work->graph->census;
	_cleanup_(retention_path__release) struct retention_path path = {};
	_cleanup_free_ char *text = NULL;
	int err = retention__path(work->retention, pin->place, &path);

	if (!err && path.step_cnt)
		err = make_path(work, &path, true, &text);
	if (!err)
		err = count_part(work, pin, &path, text);
	return err ? err
		   : pin_ranking__count_path(&work->holders->by_path, text,
					     pin_ranking__kind(census, pin->place,
							       work->options->by),
					     pin, graph__block_bytes(work->graph, pin->place));
}

int pin_holders__find(struct pin_holders *out, const struct pinned *pinned,
		      const struct graph *graph, const struct roots *roots,
		      struct retention *retention, const struct pin_holders_options *options)
{
	_cleanup_(pin_holders__release) struct pin_holders holders = {};
	_cleanup_(pins__release) struct pins pins = {};
	struct work work = {.holders = &holders,
			    .pinned = pinned,
			    .graph = graph,
			    .roots = roots,
			    .retention = retention,
			    .options = options,
			    .account = graph->census->heap->account};
	int err = pins__find(&pins, graph->census, pinned);

	holders.by_path.account = work.account;
	holders.unreached.account = work.account;
	if (!err)
		err = learn(retention, &pins, work.account);
	if (!err)
		err = find_stories(&work);
	if (!err)
		err = pin_ranking__by_kind(&holders.by_kind, &pins, graph->census, options->by);
	for (size_t i = 0; i < pins.cnt && !err && !(err = cpu_allowance__check()); i++)
		err = rank_by_path(&work, &pins.items[i]);
	if (err)
		return err;
	pin_ranking__sort(&holders.by_path);
	holders.late_code = late_code(&work.code);
	holders.unseen_blocks = pins.unseen_blocks;
	*out = holders;
	holders = (struct pin_holders){};
	return 0;
}
