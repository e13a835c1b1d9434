// SPDX-License-Identifier: BSD-2-Clause
#include "output/json_other_mallocs.h"

#include "output/json_memory.h"
#include "output/json_values.h"

static json_t *pack_known(const struct other_malloc *item, uint64_t number)
{
	return item->knows_in_use ? json_integer((json_int_t)number) : json_null();
}

static json_t *pack_malloc(const struct other_malloc *item, size_t number,
			   const struct memory_use *use)
{
	json_t *report =
		json_pack("{s:s, s:o, s:o, s:o, s:o, s:I}", "name", other_malloc_names[item->kind],
			  "version", *item->version ? json_string(item->version) : json_null(),
			  "path", json_values__text(item->path), "in_use_bytes",
			  pack_known(item, item->in_use_bytes), "in_use_allocations",
			  pack_known(item, item->in_use_cnt), "skipped", (json_int_t)item->skipped);

	for (int state = 0; state < OTHER_STATES; state++) {
		struct memory_share share =
			other_malloc__share(use, number, (enum other_state)state);

		/* As the allocator has it; inaccessible memory is in no part of @use. */
		share.mapped_bytes = other_malloc__bytes(item, (enum other_state)state);
		json_values__set(&report, other_state_names[state], json_memory__share(&share));
	}
	return report;
}

json_t *json_other_mallocs__report(const struct other_mallocs *mallocs,
				   const struct memory_use *use)
{
	json_t *report = json_array();

	for (size_t i = 0; i < mallocs->cnt; i++)
		json_values__append(&report, pack_malloc(&mallocs->items[i], i, use));
	return report;
}

json_t *json_loaded_mallocs__report(const struct loaded_mallocs *mallocs)
{
	json_t *report = json_array();

	for (size_t i = 0; i < mallocs->cnt; i++)
		json_values__append(&report,
				    json_pack("{s:s, s:o}", "name",
					      other_malloc_names[mallocs->items[i].kind], "path",
					      json_values__text(mallocs->items[i].path)));
	return report;
}
