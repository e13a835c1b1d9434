// SPDX-License-Identifier: BSD-2-Clause
#include "snapshot/heap_census.h"

#include <errno.h>
#include <string.h>

#include "census/source_census.h"
#include "snapshot/since.h"
#include "target/runtime_search.h"
#include "target/shortage.h"

void heap_census__release(struct heap_census *census)
{
	outside_objects__release(&census->outside);
	top_owners__release(&census->tops);
	advices__release(&census->advices);
	pin_holders__release(&census->holders);
	object_report__release(&census->object);
	arena_report__release(&census->arena);
	retained_tree__release(&census->retained);
	retention__free(census->retention);
	referrers__release(&census->report.referrers);
	roots__release(&census->roots);
	graph__free(census->graph);
	census_rows__release(&census->report.rows);
	census__free(census->report.census);
}

bool heap_census__is_wanted(const struct heap_census_options *options)
{
	return options->with_rows || options->since || options->with_paths || options->with_graph ||
	       options->retained || options->object || options->arena;
}

static int describe_graph_error(const struct heap_source *source, int err,
				const struct heap_census_options *options, struct failure *failure)
{
	if (account__is_short(err))
		return shortage__describe(source->target, err, failure);
	if (err == -EFBIG)
		return failure__set(failure, err,
				    "process %d (%s) has more objects than pyfrag supports",
				    source->target->pid, source->target->comm);
	if (err == -ENOENT && options->object)
		return failure__set(failure, err,
				    "process %d (%s): neither a live object nor a chunk of glibc's "
				    "malloc is at %#lx; it may have been freed: take the address "
				    "from a new report",
				    source->target->pid, source->target->comm, options->object);
	if (err == -ENOENT)
		return failure__set(failure, err,
				    "process %d (%s): no arena with live blocks is at %#lx; it may "
				    "have been released: take the address from a new report",
				    source->target->pid, source->target->comm, options->arena);
	if (err == -ELOOP)
		return failure__set(
			failure, err,
			"process %d (%s): its list of interpreters is too long "
			"(damaged, or changing too fast; `snapshot --pause` reads it while the "
			"process is stopped)",
			source->target->pid, source->target->comm);
	return failure__set(failure, err, "process %d (%s): cannot follow its references: %s",
			    source->target->pid, source->target->comm, strerror(-err));
}

/* Whether the options require the graph of references. */
static bool wants_graph(const struct heap_census_options *options)
{
	return options->with_paths || options->with_graph || options->retained || options->object ||
	       options->arena || options->by == BY_REFERRERS || options->by == BY_VIA;
}

static int find_holders(struct heap_census *out, const struct pinned *pinned,
			const struct pin_holders_options *options)
{
	int err = pin_holders__find(&out->holders, pinned, out->graph, &out->roots, out->retention,
				    options);

	return err ? err : advices__find(&out->advices, out->report.census, &out->holders);
}

static int find_retained(struct heap_census *out, const struct heap_census_options *options)
{
	return retained_tree__make(&out->retained, out->graph, &out->roots, out->retention,
				   out->outside.sizes,
				   &(struct retained_tree_options){
					   .depth = options->retained,
					   .no_values = options->no_values,
				   });
}

/* Computes everything that requires retention: objects, arenas and paths. */
static int follow_retention(struct heap_census *out, const struct heap_census_of *of,
			    const struct heap_census_options *options)
{
	const struct owners_source owners = {
		.mallocs = of->mallocs,
		.graph = out->graph,
		.outside = &out->outside,
		.roots = &out->roots,
		.no_values = options->no_values,
	};
	const struct pin_holders_options holders_options = {
		.by = options->by == BY_OWNER ? BY_OWNER : BY_TYPE,
		.no_values = options->no_values,
	};
	int err = retention__new(&out->retention, out->graph, &out->roots);

	if (!err && options->retained)
		err = find_retained(out, options);
	if (!err && options->object)
		err = object_report__find(&out->object, &owners, out->retention, options->object);
	if (!err && options->arena)
		err = arena_report__find(&out->arena, out->graph, &out->roots, out->retention,
					 options->arena, &holders_options);
	if (!err && options->with_paths)
		err = find_holders(out, of->pinned, &holders_options);
	if (!err && options->with_paths && of->mallocs)
		err = top_owners__find(&out->tops, &owners, out->retention);
	return err;
}

static enum graph_vias wanted_vias(const struct heap_census_options *options)
{
	if (options->with_graph || options->by == BY_VIA)
		return VIAS_ALL;
	return options->retained ? VIAS_FOLDED : VIAS_NONE;
}

static int follow_references(struct heap_census *out, const struct heap_census_of *of,
			     const struct runtime *runtime,
			     const struct heap_census_options *options)
{
	const struct root_sources sources = {.target = of->source->target, .runtime = runtime};
	bool by_referrers = options->by == BY_REFERRERS || options->by == BY_VIA;
	int err = graph__build(&out->graph, out->report.census, wanted_vias(options));

	if (!err)
		err = roots__find(&out->roots, out->graph, &sources);
	if (!err && by_referrers)
		err = referrers__find(&out->report.referrers, out->graph, &out->roots,
				      options->no_values);
	if (!err && of->mallocs)
		err = outside_objects__find(&out->outside, out->graph, of->mallocs->heap);
	return err ? err : follow_retention(out, of, options);
}

int heap_census__take(struct heap_census *out, const struct heap_census_of *of,
		      const struct snapshot_options *given, struct counters *counters,
		      struct failure *failure)
{
	const struct heap_census_options *options = &given->census;
	const struct heap_source *source = of->source;
	struct runtime runtime;
	int err = source_census__take(&out->report.census, source, of->heap, failure);

	out->report.by = options->by;
	out->report.top = options->top;
	if (!err && wants_graph(options)) {
		err = runtime__find(&runtime, source->python, source->target->memory, failure);
		if (err)
			return err;
		err = follow_references(out, of, &runtime, options);
		if (err)
			return describe_graph_error(source, err, options, failure);
		counters__add(counters, COUNTER_REFERENCES_LEFT_OUT, out->graph->left_out_cnt);
		counters__add(counters, COUNTER_ROOTS_REFUSED, out->roots.refused_cnt);
		counters__add(counters, COUNTER_RETAINED_MERGED, out->retained.refused_cnt);
	}
	if (!err && options->since) {
		out->report.since = options->since;
		err = since__hide(out->report.census, source->target, options->since,
				  &given->reading, &out->report.hidden_blocks, failure);
	}
	if (err)
		return err;
	counters__add(counters, COUNTER_TYPES_REFUSED,
		      type_table__refused_cnt(out->report.census->types));
	counters__add(counters, COUNTER_BLOCKS_FREED, out->report.census->freed_blocks);
	counters__add(counters, COUNTER_BLOCKS_CUT, out->report.census->cut_blocks);
	counters__add(counters, COUNTER_TYPES_UNNAMED, out->report.census->unnamed_types);
	out->contents = (struct report_contents){.heap = of->heap,
						 .graph = out->graph,
						 .roots = &out->roots,
						 .retention = out->retention,
						 .ledger = of->ledger};
	heap_source__count_omissions(source, counters);
	err = census__count(out->report.census, options->by, &out->report.referrers,
			    &out->report.rows);
	return err ? shortage__describe(source->target, err, failure) : 0;
}

void heap_census__add_to(const struct heap_census *census, const struct heap_census_of *of,
			 const struct heap_census_options *options, struct report *report)
{
	report->census = census->report.census ? &census->report : NULL;
	if (census->graph && of->mallocs && of->mallocs->heap != of->heap)
		report->outside = &census->outside;
	report->tops = options->with_paths ? &census->tops : NULL;
	report->arena = options->arena ? &census->arena : NULL;
	report->object = options->object ? &census->object : NULL;
	report->retained = options->retained ? &census->retained : NULL;
	report->holders = options->with_paths ? &census->holders : NULL;
	report->advices = options->with_paths ? &census->advices : NULL;
	report->contents = options->with_graph ? &census->contents : NULL;
}
