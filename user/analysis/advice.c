// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/advice.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/cleanup.h"
#include "util/units.h"

/*
 * What holds back less than this share of all hostage bytes is not mentioned. Only bytes that have
 * been in use before count for that: an arena that is still being filled has not been left half
 * empty by anything.
 */
#define SHARE_MIN 0.1
/* How many containers are named at most. */
#define CONTAINERS_MAX 3
#define KIND_BYTES     160
#define CONTENT_BYTES  512 /* the description of a container's content is cut off there */

#define BYTES(bytes) (units__bytes((uint64_t)llround(bytes)).text)
#define COUNT(count) (units__count(count).text)
/* "1 object", "2 objects"; and the verb that agrees with the number. */
#define COUNTED(count, noun) (units__counted(count, noun).text)
#define HOLD(count)	     ((count) == 1 ? "holds" : "hold")

const char *const advice_rule_names[ADVICE_RULE_CNT] = {
	[ADVICE_FREE_LISTED] = "parked",  [ADVICE_KEPT] = "kept",	[ADVICE_FRAMES] = "frames",
	[ADVICE_CONTAINER] = "container", [ADVICE_IMPORTS] = "imports", [ADVICE_CYCLES] = "cycles",
};

void advices__release(struct advices *advices)
{
	for (size_t i = 0; i < advices->cnt; i++)
		free(advices->items[i].text);
	free(advices->items);
	*advices = (struct advices){};
}

static int add(struct advices *advices, enum advice_rule rule, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int add(struct advices *advices, enum advice_rule rule, const char *format, ...)
{
	va_list arguments;
	char *text;
	int length;

	if (ARRAY_RESERVE(advices->items, advices->capacity, advices->cnt + 1))
		return -ENOMEM;
	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		return -ENOMEM;
	advices->items[advices->cnt++] = (struct advice){.rule = rule, .text = text};
	return 0;
}

/* The sum of the rows that @wants accepts; of all rows if it is NULL. */
static struct pin_row sum(const struct pin_ranking *ranking, const struct census *census,
			  bool (*wants)(const struct census *census, const struct pin_row *row))
{
	struct pin_row all = {};

	for (size_t i = 0; i < ranking->cnt; i++) {
		if (wants && !wants(census, &ranking->rows[i]))
			continue;
		all.blocks += ranking->rows[i].blocks;
		all.hostage_bytes += ranking->rows[i].hostage_bytes;
		all.freed_bytes += ranking->rows[i].freed_bytes;
	}
	return all;
}

static bool is_one_of(const struct census *census, const struct pin_row *row,
		      const char *const *names, size_t cnt)
{
	const char *type = census_kinds__type(census, row->kind);

	for (size_t i = 0; i < cnt && type; i++)
		if (!strcmp(type, names[i]))
			return true;
	return false;
}

static bool is_free_listed(const struct pin_row *row, const struct census *census,
			   const char *const *names, size_t cnt)
{
	return block_kind__role(row->kind) == BLOCK_FREE_LISTED &&
	       is_one_of(census, row, names, cnt);
}

/* Python 2 clears other free lists, but not these two (Modules/gcmodule.c, clear_freelists()). */
static bool is_kept(const struct census *census, const struct pin_row *row)
{
	static const char *const names[] = {"dict", "list"};

	return census->major < 3 && is_free_listed(row, census, names, ARRAY_SIZE(names));
}

/*
 * Up to 3.10, a code object keeps a frame for its next call (co_zombieframe), in addition to the
 * free list.
 */
static bool is_frame(const struct census *census, const struct pin_row *row)
{
	static const char *const names[] = {"frame"};

	return (census->major < 3 || census->minor < 11) &&
	       is_free_listed(row, census, names, ARRAY_SIZE(names));
}

/* Types with a free list that a full collection clears. */
static bool is_given_up(const struct census *census, const struct pin_row *row)
{
	static const char *const names[] = {
		"tuple",
		"list",
		"dict",
		"float",
		"int",
		"unicode",
		"frame",
		"method",
		"instancemethod",
		"builtin_function_or_method",
		"builtin_method",
		"Context",
		"range",
		"range_iterator",
		"list_iterator",
		"tuple_iterator",
		"slice",
		"complex",
	};

	return is_free_listed(row, census, names, ARRAY_SIZE(names)) && !is_kept(census, row) &&
	       !is_frame(census, row);
}

static bool is_object(const struct census *census, const struct pin_row *row)
{
	(void)census;
	return block_kind__role(row->kind) == BLOCK_OBJECT;
}

static int advise_free_listed(struct advices *advices, const struct census *census,
			      const struct pin_holders *holders, double least)
{
	const struct pin_row free_listed = sum(&holders->by_kind, census, is_given_up);

	if (!free_listed.blocks || free_listed.freed_bytes < least)
		return 0;
	return add(advices, ADVICE_FREE_LISTED,
		   "%s on Python's free lists (freed, but kept for reuse) %s back %s. gc.collect() "
		   "clears these lists.",
		   COUNTED(free_listed.blocks, "object"), HOLD(free_listed.blocks),
		   BYTES(free_listed.hostage_bytes));
}

static int advise_kept(struct advices *advices, const struct census *census,
		       const struct pin_holders *holders, double least)
{
	const struct pin_row kept = sum(&holders->by_kind, census, is_kept);

	if (!kept.blocks || kept.freed_bytes < least)
		return 0;
	return add(advices, ADVICE_KEPT,
		   "%s of type dict or list on the free lists of Python 2 (freed, but kept for "
		   "reuse) %s back %s. The garbage collector does not clear these lists. To "
		   "replace the objects on them: create 80 dicts and 80 lists, then another 80 of "
		   "each, and delete the second 80 before the first.",
		   COUNTED(kept.blocks, "object"), HOLD(kept.blocks), BYTES(kept.hostage_bytes));
}

static int advise_frames(struct advices *advices, const struct census *census,
			 const struct pin_holders *holders, double least)
{
	const struct pin_row frames = sum(&holders->by_kind, census, is_frame);

	if (!frames.blocks || frames.freed_bytes < least)
		return 0;
	return add(advices, ADVICE_FRAMES,
		   "%s cached for the next call of a function %s back %s. Each is freed with its "
		   "function. To place them close together, call these functions once before the "
		   "heap grows.",
		   COUNTED(frames.blocks, "frame"), HOLD(frames.blocks),
		   BYTES(frames.hostage_bytes));
}

/* The container in a path that ends with an item of it: a part of that path. */
struct container {
	const char *path; /* not NUL-terminated */
	size_t length;	  /* 0: the path ends in another way */
};

static struct container container_of(const char *path)
{
	static const char in_container[] = "[*]", in_list[] = ")[*]", list[] = "list(";
	size_t length = path ? strlen(path) : 0;

	if (length > strlen(list) + strlen(in_list) && !strncmp(path, list, strlen(list)) &&
	    !strcmp(path + length - strlen(in_list), in_list))
		return (struct container){.path = path + strlen(list),
					  .length = length - strlen(list) - strlen(in_list)};
	if (length > strlen(in_container) &&
	    !strcmp(path + length - strlen(in_container), in_container))
		return (struct container){.path = path, .length = length - strlen(in_container)};
	return (struct container){};
}

static bool is_same(const struct container *a, const struct container *b)
{
	return a->length == b->length && !memcmp(a->path, b->path, a->length);
}

/*
 * Whether the path ends in a member that Python has no name for, ".<+16>" (path_text.h): C code
 * holds the container there, so no statement can replace or empty it.
 */
static bool is_unnamed(const struct container *container)
{
	size_t at = container->length;

	if (!at || container->path[--at] != '>')
		return false;
	while (at && container->path[at - 1] >= '0' && container->path[at - 1] <= '9')
		at--;
	return at >= 3 && !memcmp(container->path + at - 3, ".<+", 3);
}

/*
 * Whether the content stays and cannot be replaced by a copy: it belongs to code, a function or a
 * class.
 */
static bool is_fixed(const struct container *container)
{
	static const char *const names[] = {
		".co_consts",	".co_names",	 ".co_varnames",  ".co_freevars",
		".co_cellvars", ".__defaults__", ".__closure__",  ".func_defaults",
		".__mro__",	".__bases__",	 ".func_closure",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t length = strlen(names[i]);

		if (container->length > length &&
		    !memcmp(container->path + container->length - length, names[i], length))
			return true;
	}
	return is_unnamed(container);
}

/* How many rows by path hold back enough to be mentioned. They come first. */
static size_t count_worth(const struct pin_ranking *by_path, double least)
{
	size_t cnt = 0;

	while (cnt < by_path->cnt && by_path->rows[cnt].hostage_bytes >= least)
		cnt++;
	return cnt;
}

/*
 * How many blocks in @container have the kind of rows[@row], in rows @first to @cnt - 1. 0 if an
 * earlier one of these rows has that kind, too, as a mapping's keys and values may have.
 */
static uint64_t count_kind(const struct pin_row *rows, size_t first, size_t row, size_t cnt,
			   const struct container *container)
{
	uint64_t blocks = 0;

	for (size_t i = first; i < cnt; i++) {
		const struct container other = container_of(rows[i].path);

		if (!is_same(container, &other) || rows[i].kind != rows[row].kind ||
		    rows[i].is_mixed != rows[row].is_mixed)
			continue;
		if (i < row)
			return 0;
		blocks += rows[i].blocks;
	}
	return blocks;
}

/*
 * Appends what a row contains to the description of its container's content: "399 int and 391 str".
 */
static void describe_content(const struct census *census, const struct pin_row *row,
			     uint64_t blocks, char *text, size_t size)
{
	size_t length = strlen(text);
	char kind[KIND_BYTES] = "blocks";

	if (!row->is_mixed)
		census_kinds__describe(census, row->kind, kind, sizeof(kind));
	snprintf(text + length, size - length, "%s%s %s", length ? " and " : "", COUNT(blocks),
		 kind);
}

/*
 * Advice on the container of rows[@first], which is the first row with it, from the first @cnt
 * rows.
 */
static int advise_container(struct advices *advices, const struct census *census,
			    const struct pin_row *rows, size_t first, size_t cnt, double least)
{
	const struct container container = container_of(rows[first].path);
	char content[CONTENT_BYTES] = "";
	struct pin_row all = {};

	for (size_t i = first; i < cnt; i++) {
		const struct container other = container_of(rows[i].path);
		uint64_t blocks;

		if (!is_same(&container, &other))
			continue;
		all.hostage_bytes += rows[i].hostage_bytes;
		all.freed_bytes += rows[i].freed_bytes;
		blocks = count_kind(rows, first, i, cnt, &container);
		if (blocks)
			describe_content(census, &rows[i], blocks, content, sizeof(content));
	}
	if (all.freed_bytes < least)
		return 0;
	return add(advices, ADVICE_CONTAINER,
		   "The contents of %.*s (%s) hold back %s: they were allocated between objects "
		   "that have been freed since. Remove them, or replace the container by a copy "
		   "whose objects lie close together, for example pickle.loads(pickle.dumps(...)), "
		   "and call gc.collect(), which also clears Python's free lists. copy() and "
		   "deepcopy() do not copy strings and numbers.",
		   (int)container.length, container.path, content, BYTES(all.hostage_bytes));
}

/* Whether no earlier row has the same container: the keys of a mapping have a row, too. */
static bool is_first_of(const struct pin_row *rows, size_t row, const struct container *container)
{
	for (size_t i = 0; i < row; i++) {
		const struct container other = container_of(rows[i].path);

		if (is_same(container, &other))
			return false;
	}
	return true;
}

static int advise_containers(struct advices *advices, const struct census *census,
			     const struct pin_holders *holders, double least)
{
	const struct pin_row *rows = holders->by_path.rows;
	size_t before = advices->cnt, cnt = count_worth(&holders->by_path, least);
	int err = 0;

	for (size_t i = 0; i < cnt && !err && advices->cnt - before < CONTAINERS_MAX; i++) {
		const struct container container = container_of(rows[i].path);

		if (container.length && !is_fixed(&container) && is_first_of(rows, i, &container))
			err = advise_container(advices, census, rows, i, cnt, least);
	}
	return err;
}

static int advise_imports(struct advices *advices, const struct census *census,
			  const struct pin_holders *holders, double least)
{
	const struct module_code *code = &holders->late_code;

	(void)census;
	if (!code->blocks || code->freed_bytes < least)
		return 0;
	return add(
		advices, ADVICE_IMPORTS,
		"%s of imported modules (functions, classes and the like) %s back %s permanently. "
		"Import these modules before the heap grows, so that their objects lie together.",
		COUNTED(code->blocks, "object"), HOLD(code->blocks), BYTES(code->hostage_bytes));
}

static int advise_cycles(struct advices *advices, const struct census *census,
			 const struct pin_holders *holders, double least)
{
	const struct pin_row lost = sum(&holders->unreached, census, is_object);

	if (!lost.blocks || lost.freed_bytes < least)
		return 0;
	return add(advices, ADVICE_CYCLES,
		   "%s without a path from a root %s back %s. gc.collect() frees those "
		   "that belong to cycles; C code%s holds the rest.",
		   COUNTED(lost.blocks, "object"), HOLD(lost.blocks), BYTES(lost.hostage_bytes),
		   type_table__refused_cnt(census->types)
			   ? " or an object whose type is not readable"
			   : "");
}

int advices__find(struct advices *out, const struct census *census,
		  const struct pin_holders *holders)
{
	static int (*const rules[ADVICE_RULE_CNT])(struct advices *, const struct census *,
						   const struct pin_holders *, double) = {
		[ADVICE_FREE_LISTED] = advise_free_listed, [ADVICE_KEPT] = advise_kept,
		[ADVICE_FRAMES] = advise_frames,	   [ADVICE_CONTAINER] = advise_containers,
		[ADVICE_IMPORTS] = advise_imports,	   [ADVICE_CYCLES] = advise_cycles,
	};
	_cleanup_(advices__release) struct advices advices = {};
	double least = SHARE_MIN * sum(&holders->by_kind, census, NULL).hostage_bytes;
	int err = 0;

	for (int rule = 0; rule < ADVICE_RULE_CNT && !err; rule++)
		err = rules[rule](&advices, census, holders, least);
	if (err)
		return err;
	*out = advices;
	advices = (struct advices){};
	return 0;
}
