// SPDX-License-Identifier: BSD-2-Clause
#include "host/host_json.h"

#include <jansson.h>

#include "output/json_values.h"
#include "util/clock.h"

static json_t *pack_bytes(uint64_t bytes)
{
	return bytes == FIGURE_UNKNOWN ? json_null() : json_integer((json_int_t)bytes);
}

static json_t *pack_memory(const struct watched *watched)
{
	const struct memory_figures *memory = &watched->memory;

	return watched->memory_ns
		       ? json_pack("{s:o, s:o, s:o, s:o, s:o, s:f}", "rss", pack_bytes(memory->rss),
				   "unexplained", pack_bytes(memory->unexplained), "malloc_in_use",
				   pack_bytes(memory->malloc_in_use), "malloc_free",
				   pack_bytes(memory->malloc_free), "malloc_trimmable",
				   pack_bytes(memory->malloc_trimmable), "age_s",
				   (double)(clock_ns(CLOCK_MONOTONIC) - watched->memory_ns) / 1e9)
		       : json_null();
}

static json_t *pack_process(const struct watched *watched)
{
	const struct findings *findings = &watched->last.findings;
	const struct target *target = watched->source->target;
	json_t *packed = json_pack("{s:i, s:o, s:o, s:o, s:o, s:s}", "pid", watched->pid, "comm",
				   json_values__text(target->comm), "app",
				   json_values__text(watched->identity.app), "user",
				   json_values__text(watched->identity.user), "unit",
				   json_values__text(watched->identity.unit), "python",
				   watched->source->python->version);

	if (watched__trouble(watched))
		json_values__set(&packed, "not_read", json_string(watched__trouble(watched)));
	if (!watched->has_last)
		return packed;
	json_values__set(&packed, "heap",
			 json_pack("{s:I, s:I, s:I, s:f}", "arenas",
				   (json_int_t)findings->measure.totals.regions, "arena_bytes",
				   (json_int_t)findings->measure.totals.region_bytes, "live_bytes",
				   (json_int_t)findings->measure.totals.live_bytes, "fragmentation",
				   heap_totals__fragmentation(&findings->measure.totals)));
	json_values__set(&packed, "pinned",
			 json_pack("{s:I, s:I, s:I}", "arenas",
				   (json_int_t)findings->pinned.region_cnt, "bytes",
				   (json_int_t)findings->pinned.bytes, "hostage_bytes",
				   (json_int_t)findings->pinned.hostage_bytes));
	json_values__set(&packed, "memory", pack_memory(watched));
	json_values__set(&packed, "growth_bytes_per_minute",
			 json_real(growth__per_minute(&watched->trend)));
	json_values__set(&packed, "shared_bytes",
			 watched->last.knows_shared
				 ? json_integer((json_int_t)watched->last.shared_bytes)
				 : json_null());
	return packed;
}

char *host_json__write(const struct host *host)
{
	struct watched *const *watched;
	size_t cnt = host__watched(host, &watched);
	json_t *list = json_array(), *root;
	char *text;

	for (size_t i = 0; i < cnt; i++)
		json_values__append(&list, pack_process(watched[i]));
	root = json_pack("{s:s, s:o}", "schema", "pyfrag.processes/1", "processes", list);
	text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	json_decref(root);
	return text;
}
