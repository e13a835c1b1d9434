// SPDX-License-Identifier: BSD-2-Clause
#include "census/folded_paths.h"

#include <errno.h>
#include <string.h>

#include "census/own_dict.h"
#include "census/path_text.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "util/cpu_allowance.h"

/*
 * A step is an enum reference_how for all references of this kind, or the index of a via. They are
 * told apart by the value.
 */
#define STEP_VIA_FIRST 16

#define PATHS_MAX (1UL << 20)
#define STEPS_MAX 40

/* A str that is a key in so many dicts is named: it is the name of a field. */
#define FIELD_DICTS_MIN 8
/* Keys of a dict for attributes are named only up to so many. */
#define ATTRIBUTES_MAX 10000
/* A key is named if its value retains one part in so many of all memory and of its dict's values */
#define SHARE_OF_ALL  100
#define SHARE_OF_DICT 5
/* How far a path is followed back to write it. */
#define NODES_BEFORE_MAX 65536
/* An index or key that is not named is repeated if it was so many times before. */
#define ANY_REPEATED 3

struct path_place {
	uint64_t key; /* path_key() */
	uint32_t path;
};

struct work {
	struct folded_paths *paths;
	const struct graph *graph;
	const struct retained *retained;
	struct account *account;
	/*
	 * By node: the via by which the node before on its path leads to it; later, the step; in
	 * the end, its path: these are the paths' of_nodes[].
	 */
	uint32_t *steps;
	uint8_t *has_path;     /* bits by node: steps[] has its path */
	uint32_t *first_roots; /* by root: the first one of the same kind and label */
	uint32_t *stack;       /* nodes whose paths have to be found */
	size_t stack_cnt, stack_capacity;
};

void folded_paths__release(struct folded_paths *paths)
{
	account__free(paths->paths);
	account__free(paths->of_nodes);
	account__free(paths->is_named);
	account__free(paths->is_attributes);
	hash_map__release(&paths->by_step);
	*paths = (struct folded_paths){};
}

static int make(const struct work *work, void *items, uint64_t cnt, size_t size)
{
	*(void **)items = account__calloc(work->account, cnt + 1, size);
	return *(void **)items ? 0 : -errno;
}

static enum reference_how how_of(const struct graph *graph, uint32_t via)
{
	return (enum reference_how)graph->vias[via].how;
}

static bool is_loose(enum reference_how how)
{
	return how == REFERS_BY_WORD || how == REFERS_TO_BUFFER;
}

/* Whether the path of @node leads through @from. */
static bool is_on_path(const struct work *work, uint32_t from, uint32_t node)
{
	uint32_t holder, root;

	return retention__holder(work->paths->retention, node, &holder, &root) ==
		       RETENTION_OBJECT &&
	       holder == from;
}

/* Finds the vias on the paths: the first one, but by a word only if there is no better one. */
static int find_vias(struct work *work)
{
	const struct graph *graph = work->graph;
	int err = 0;

	memset(work->steps, 0xff, graph->node_cnt * sizeof(*work->steps));
	for (uint32_t from = 0; from < graph->node_cnt && !(err = cpu_allowance__check_round(from));
	     from++)
		for (uint64_t i = graph->starts[from]; i < graph->starts[from + 1]; i++) {
			uint32_t *via = &work->steps[graph->edges[i]];

			if ((*via == PATH_NONE ||
			     (is_loose(how_of(graph, *via)) &&
			      !is_loose(how_of(graph, graph->edge_vias[i])))) &&
			    is_on_path(work, from, graph->edges[i]))
				*via = graph->edge_vias[i];
		}
	return err;
}

static const struct type *type_at(const struct graph *graph, uint64_t address)
{
	uint32_t type = graph__type_at(graph, address);

	return type == TYPE_NONE ? NULL : type_table__at(graph->census->types, type);
}

static bool is_text(const struct graph *graph, uint64_t address)
{
	const struct type *type = type_at(graph, address);

	return type && type->flags & (TYPE_UNICODE_SUBCLASS | TYPE_BYTES_SUBCLASS);
}

/* Finds the keys that are names of fields. */
static int find_fields(struct work *work)
{
	const struct graph *graph = work->graph;
	_cleanup_account_free_ uint32_t *cnts = NULL;
	int err = make(work, &cnts, graph->via_cnt, sizeof(*cnts));

	if (!err)
		err = make(work, &work->paths->is_named, bits__bytes(graph->via_cnt), 1);
	if (err)
		return err;
	for (uint64_t i = 0; i < graph->starts[graph->node_cnt]; i++)
		cnts[graph->edge_vias[i]]++;
	for (size_t i = 0; i < graph->via_cnt && !(err = cpu_allowance__check()); i++)
		if (graph->vias[i].how == REFERS_BY_KEY && cnts[i] >= FIELD_DICTS_MIN &&
		    is_text(graph, graph->vias[i].detail))
			bits__set(work->paths->is_named, i);
	return err;
}

static bool is_dict(const struct graph *graph, uint32_t node)
{
	uint32_t type = graph__type(graph, node);

	return type != TYPE_NONE &&
	       type_table__at(graph->census->types, type)->flags & TYPE_DICT_SUBCLASS;
}

/* Whether @node is a dict for the attributes of what precedes it on its path. */
static bool has_attributes(const struct work *work, uint32_t node)
{
	uint32_t via = work->steps[node], holder, root;

	if (via == PATH_NONE)
		return false;
	if (how_of(work->graph, via) == REFERS_AS_DICT)
		return true;
	return how_of(work->graph, via) == REFERS_BY_WORD &&
	       retention__holder(work->paths->retention, node, &holder, &root) ==
		       RETENTION_OBJECT &&
	       own_dict__is(work->graph, holder, node, work->graph->vias[via].detail);
}

static int find_attributes(struct work *work)
{
	const struct graph *graph = work->graph;
	int err = make(work, &work->paths->is_attributes, bits__bytes(graph->node_cnt), 1);

	if (err)
		return err;
	for (uint32_t node = 0; node < graph->node_cnt && !(err = cpu_allowance__check_round(node));
	     node++)
		/* For each attribute, the name and the value. */
		if (graph->starts[node + 1] - graph->starts[node] <= 2 * ATTRIBUTES_MAX &&
		    is_dict(graph, node) && has_attributes(work, node))
			bits__set(work->paths->is_attributes, node);
	return err;
}

static uint32_t step_by(const struct folded_paths *paths, uint32_t from, uint32_t via)
{
	enum reference_how how = how_of(paths->graph, via);

	if (how == REFERS_BY_ATTRIBUTE || how == REFERS_BY_WORD ||
	    (how == REFERS_BY_KEY && paths->graph->vias[via].detail &&
	     (bits__get(paths->is_attributes, from) || bits__get(paths->is_named, via))))
		return STEP_VIA_FIRST + via;
	return how;
}

uint32_t folded_paths__step(const struct folded_paths *paths, uint32_t from, uint64_t edge)
{
	return step_by(paths, from, paths->graph->edge_vias[edge]);
}

bool folded_paths__has_step(const struct folded_paths *paths, uint32_t from, uint64_t edge)
{
	const struct folded_path *path = &paths->paths[paths->of_nodes[paths->graph->edges[edge]]];

	/* The key may be named there only. */
	return path->parent == paths->of_nodes[from] &&
	       (path->step == folded_paths__step(paths, from, edge) ||
		path->step == STEP_VIA_FIRST + paths->graph->edge_vias[edge]);
}

/* Whether a key can be written: it is a text or a number. */
static bool is_plain_key(const struct graph *graph, uint32_t via)
{
	const struct type *type = type_at(graph, graph->vias[via].detail);

	return type &&
	       type->flags & (TYPE_UNICODE_SUBCLASS | TYPE_BYTES_SUBCLASS | TYPE_LONG_SUBCLASS);
}

/* Whether the path of an edge's target is by this edge, which leads to the value of a key. */
static bool is_value(const struct work *work, uint32_t from, uint64_t edge)
{
	const struct graph *graph = work->graph;
	uint32_t via = graph->edge_vias[edge];

	return how_of(graph, via) == REFERS_BY_KEY && work->steps[graph->edges[edge]] == via &&
	       is_on_path(work, from, graph->edges[edge]);
}

/* Sets bits by node: the values of dict @from that retain so much that their keys are named. */
static void find_large_values(const struct work *work, uint32_t from, uint8_t *is_large)
{
	const struct graph *graph = work->graph;
	const uint64_t *bytes = work->retained->bytes;
	uint64_t min = work->retained->total.bytes / SHARE_OF_ALL + 1, sum = 0, most = 0;

	for (uint64_t i = graph->starts[from]; i < graph->starts[from + 1]; i++) {
		uint64_t of_value = bytes[graph->edges[i]];

		if (!is_value(work, from, i))
			continue;
		sum += of_value;
		most = of_value > most ? of_value : most;
	}
	if (most < min)
		return;
	for (uint64_t i = graph->starts[from]; i < graph->starts[from + 1]; i++) {
		uint64_t of_value = bytes[graph->edges[i]];

		if (of_value >= min && of_value >= sum / SHARE_OF_DICT && is_value(work, from, i) &&
		    is_plain_key(graph, graph->edge_vias[i]))
			bits__set(is_large, graph->edges[i]);
	}
}

/* Makes steps of the vias on the paths. */
static int find_steps(struct work *work)
{
	const struct graph *graph = work->graph;
	_cleanup_account_free_ uint8_t *is_large = NULL;
	uint32_t holder, root;
	int err = make(work, &is_large, bits__bytes(graph->node_cnt), 1);

	for (uint32_t node = 0; node < graph->node_cnt && !err; node++) {
		if (is_dict(graph, node))
			find_large_values(work, node, is_large);
		err = cpu_allowance__check_round(node);
	}
	for (uint32_t node = 0; node < graph->node_cnt && !err; node++) {
		uint32_t *step = &work->steps[node];

		if (*step == PATH_NONE)
			continue;
		retention__holder(work->paths->retention, node, &holder, &root);
		*step = bits__get(is_large, node) ? STEP_VIA_FIRST + *step
						  : step_by(work->paths, holder, *step);
	}
	return err;
}

/* Roots are sorted by kind and label. */
static int find_first_roots(struct work *work)
{
	const struct roots *roots = work->paths->roots;
	int err = make(work, &work->first_roots, roots->cnt, sizeof(*work->first_roots));

	for (size_t i = 1; i < roots->cnt && !err; i++)
		work->first_roots[i] =
			roots->roots[i].kind == roots->roots[i - 1].kind &&
					roots->roots[i].label == roots->roots[i - 1].label
				? work->first_roots[i - 1]
				: (uint32_t)i;
	return err;
}

/* Never 0. A path that begins at a root is for objects of one type. */
static uint64_t path_key(const struct work *work, uint32_t parent, uint32_t step, uint32_t node)
{
	return parent == PATH_NONE
		       ? 1UL << 63 | (uint64_t)graph__type(work->graph, node) << 31 | step
		       : (parent + 1UL) << 32 | step;
}

/* Whether what the step leads to is a part of the object that precedes it. */
static bool leads_to_part(const struct work *work, uint32_t step, uint32_t node)
{
	return step == REFERS_AS_DICT || step == REFERS_TO_BUFFER ||
	       (step >= STEP_VIA_FIRST && bits__get(work->paths->is_attributes, node));
}

/*
 * The path that is used instead of one that leads on from @parent by @step: a step by a name can be
 * repeated at any distance, others immediately. PATH_NONE: the step is not repeated.
 */
static uint32_t find_above(const struct folded_paths *paths, uint32_t parent, uint32_t step)
{
	uint32_t cnt = 0;

	for (uint32_t i = parent; i != PATH_NONE && paths->paths[i].depth;
	     i = paths->paths[i].parent) {
		if (paths->paths[i].step == step &&
		    (step >= STEP_VIA_FIRST || ++cnt == ANY_REPEATED))
			return step >= STEP_VIA_FIRST ? i : parent;
		if (paths->paths[i].step != step && step < STEP_VIA_FIRST)
			return PATH_NONE;
	}
	return PATH_NONE;
}

/* Adds a path, which has no node yet. @node: what it leads to. */
static int add_path(struct work *work, uint32_t parent, uint32_t step, uint32_t node, uint32_t *out)
{
	struct folded_paths *paths = work->paths;
	struct path_place *place;
	struct folded_path path = {
		.parent = parent,
		.step = step,
		.shown = (uint32_t)paths->cnt,
		.node = NODE_NONE,
		.above = PATH_NONE,
	};
	int err = ACCOUNT_RESERVE(work->account, paths->paths, paths->capacity, paths->cnt + 1);

	if (err)
		return err;
	place = hash_map__add(&paths->by_step, path_key(work, parent, step, node));
	if (!place)
		return -errno;
	if (parent != PATH_NONE) {
		path.depth = paths->paths[parent].depth + 1;
		path.above = find_above(paths, parent, step);
		if (leads_to_part(work, step, node))
			path.shown = paths->paths[parent].shown;
	}
	place->path = *out = (uint32_t)paths->cnt;
	paths->paths[paths->cnt++] = path;
	return 0;
}

/* Finds the path that leads on from @parent by @step; adds it if there is none. */
static int find_path(struct work *work, uint32_t parent, uint32_t step, uint32_t node,
		     uint32_t *out)
{
	struct folded_paths *paths = work->paths;
	const struct path_place *place =
		hash_map__find(&paths->by_step, path_key(work, parent, step, node));

	if (place) {
		*out = place->path;
		return 0;
	}
	if (parent == PATH_NONE ||
	    (paths->cnt < PATHS_MAX && paths->paths[parent].depth < STEPS_MAX))
		return add_path(work, parent, step, node, out);
	paths->refused_cnt++;
	*out = parent;
	return 0;
}

/* Sets the path of a node, given that of the node before it. */
static int set_path(struct work *work, uint32_t node)
{
	struct folded_paths *paths = work->paths;
	uint32_t holder, root, path, above;
	int err;

	if (retention__holder(paths->retention, node, &holder, &root) == RETENTION_ROOT)
		err = find_path(work, PATH_NONE, work->first_roots[root], node, &path);
	else
		err = find_path(work, paths->of_nodes[holder], work->steps[node], node, &path);
	if (err)
		return err;
	above = paths->paths[path].above;
	if (above != PATH_NONE && paths->paths[above].node != NODE_NONE &&
	    graph__type(work->graph, paths->paths[above].node) == graph__type(work->graph, node)) {
		paths->paths[above].is_repeated = true;
		path = above;
	}
	if (paths->paths[path].node == NODE_NONE)
		paths->paths[path].node = node;
	paths->of_nodes[node] = path;
	bits__set(work->has_path, node);
	return 0;
}

/* Finds the path of a node, first those of all nodes before it that have none yet. */
static int find_path_to(struct work *work, uint32_t node)
{
	uint32_t holder = node, root;
	int err = 0;

	for (; !bits__get(work->has_path, node); node = holder) {
		err = ACCOUNT_RESERVE(work->account, work->stack, work->stack_capacity,
				      work->stack_cnt + 1);
		if (err)
			return err;
		work->stack[work->stack_cnt++] = node;
		if (retention__holder(work->paths->retention, node, &holder, &root) ==
		    RETENTION_ROOT)
			break;
	}
	while (work->stack_cnt && !err && !(err = cpu_allowance__check_round(work->stack_cnt)))
		err = set_path(work, work->stack[--work->stack_cnt]);
	return err;
}

static int find_paths(struct work *work)
{
	int err = make(work, &work->has_path, bits__bytes(work->graph->node_cnt), 1);

	for (uint32_t node = 0; node < work->graph->node_cnt && !err; node++) {
		if (retention__is_reached(work->paths->retention, node))
			err = find_path_to(work, node);
		if (!err)
			err = cpu_allowance__check_round(node);
	}
	return err;
}

int folded_paths__find(struct folded_paths *out, const struct graph *graph,
		       const struct roots *roots, const struct retention *retention,
		       const struct retained *retained)
{
	struct account *account = graph->census->heap->account;
	_cleanup_(folded_paths__release) struct folded_paths paths = {
		.graph = graph,
		.roots = roots,
		.retention = retention,
		.by_step = {.entry_bytes = sizeof(struct path_place), .account = account},
	};
	struct work work = {.paths = &paths,
			    .graph = graph,
			    .retained = retained,
			    .account = account};
	int err = make(&work, &paths.of_nodes, graph->node_cnt, sizeof(*paths.of_nodes));

	work.steps = paths.of_nodes;
	if (!err)
		err = find_vias(&work);
	if (!err)
		err = find_fields(&work);
	if (!err)
		err = find_attributes(&work);
	if (!err)
		err = find_steps(&work);
	if (!err)
		err = find_first_roots(&work);
	if (!err)
		err = find_paths(&work);
	account__free(work.has_path);
	account__free(work.first_roots);
	account__free(work.stack);
	if (err)
		return err;
	*out = paths;
	paths = (struct folded_paths){};
	return 0;
}

/* A step as path_text.h takes it. */
static struct retention_step make_step(const struct folded_paths *paths, uint32_t step,
				       uint32_t node)
{
	struct retention_step made = {
		.node = node,
		.reference = {.how = step, .index = REFERENCE_ANY},
	};
	const struct via *via;

	if (step < STEP_VIA_FIRST)
		return made;
	via = &paths->graph->vias[step - STEP_VIA_FIRST];
	made.reference.how = via->how;
	made.reference.key = via->detail;
	made.reference.index = via->how == REFERS_BY_WORD ? (uint32_t)via->detail : 0;
	return made;
}

/*
 * The node before @node that is at @path. Where steps are repeated, nodes at other paths are
 * between them; if these are too many, any node at @path has to do.
 */
static uint32_t find_node_before(const struct folded_paths *paths, uint32_t node, uint32_t path)
{
	uint32_t holder, root;

	for (int i = 0; i < NODES_BEFORE_MAX; i++, node = holder) {
		if (retention__holder(paths->retention, node, &holder, &root) != RETENTION_OBJECT)
			break;
		if (paths->of_nodes[holder] == path)
			return holder;
	}
	return paths->paths[path].node;
}

int folded_paths__root_text(char **out, const struct folded_paths *paths, size_t index,
			    bool no_values)
{
	const struct path_text_options options = {.no_values = no_values};
	const struct root *root = &paths->roots->roots[index];
	struct retention_step step = {.node = root->node};
	const struct retention_path path = {.root = root, .steps = &step, .step_cnt = 1};

	return path_text__make(out, paths->graph, paths->roots, &path, &options);
}

int folded_paths__text(char **out, const struct folded_paths *paths, uint32_t path,
		       const struct folded_step *last, bool no_values)
{
	const struct path_text_options options = {.no_values = no_values};
	struct retention_step steps[STEPS_MAX + 2];
	uint32_t cnt = paths->paths[path].depth + 1, node = paths->paths[path].node;
	struct retention_path made = {.steps = steps, .step_cnt = cnt + (last != NULL)};

	if (last)
		steps[cnt] = make_step(paths, last->step, last->node);
	for (uint32_t i = cnt; i--; path = paths->paths[path].parent) {
		if (i + 1 < cnt)
			node = find_node_before(paths, node, path);
		steps[i] = make_step(paths, i ? paths->paths[path].step : 0, node);
		if (!i)
			made.root = &paths->roots->roots[paths->paths[path].step];
	}
	return path_text__make(out, paths->graph, paths->roots, &made, &options);
}
