// SPDX-License-Identifier: BSD-2-Clause
#include "output/text_other_mallocs.h"

#include "util/text.h"
#include "util/units.h"

#define BYTES(bytes) units__bytes(bytes).text

static const char *const state_notes[OTHER_STATES] = {
	[OTHER_ACTIVE] = "pages with allocations",
	[OTHER_UNUSED] = "pages without any allocation, which it keeps for a while",
	[OTHER_RETURNED] = "returned to the system",
	[OTHER_METADATA] = "its own tables",
	[OTHER_UNDIVIDED] = "state not known",
};

static void write_malloc(const struct other_malloc *item, size_t number,
			 const struct memory_use *use, FILE *out)
{
	struct memory_share shares[OTHER_STATES], all = {};

	for (int state = 0; state < OTHER_STATES; state++) {
		shares[state] = other_malloc__share(use, number, (enum other_state)state);
		all.mapped_bytes += shares[state].mapped_bytes;
		all.resident_bytes += shares[state].resident_bytes;
	}
	fprintf(out, "\n%s%s%s: %s resident", other_malloc_names[item->kind],
		*item->version ? " " : "", item->version, BYTES(all.resident_bytes));
	if (shares[OTHER_UNUSED].resident_bytes)
		fprintf(out, "; %s would release %s", other_malloc_release_calls[item->kind],
			BYTES(shares[OTHER_UNUSED].resident_bytes));
	fputc('\n', out);
	for (int state = 0; state < OTHER_STATES; state++) {
		if (!shares[state].resident_bytes)
			continue;
		fprintf(out, "  %-13s %12s %8s  %s\n", other_state_names[state],
			BYTES(shares[state].resident_bytes),
			units__percent((double)shares[state].resident_bytes /
				       (double)all.resident_bytes)
				.text,
			state_notes[state]);
		if (state == OTHER_ACTIVE && item->knows_in_use)
			fprintf(out, "    %-11s %12s %8s  in %s%s\n", "in use",
				BYTES(item->in_use_bytes), "",
				units__counted(item->in_use_cnt, "allocation").text,
				item->kind == OTHER_JEMALLOC || item->kind == OTHER_TCMALLOC
					? ", including those that threads keep for reuse"
					: "");
	}
}

void text_other_mallocs__write(const struct other_mallocs *mallocs, const struct memory_use *use,
			       FILE *out)
{
	for (size_t i = 0; i < mallocs->cnt; i++)
		write_malloc(&mallocs->items[i], i, use, out);
}

void text_loaded_mallocs__write(const struct loaded_mallocs *mallocs, const struct memory_use *use,
				FILE *out)
{
	for (size_t i = 0; i < mallocs->cnt; i++) {
		fprintf(out, "  %s is loaded (", other_malloc_names[mallocs->items[i].kind]);
		text__write(mallocs->items[i].path, out);
		fprintf(out,
			") but cannot be read: it has at most %s (all that is unexplained or in "
			"the break)\n",
			BYTES(loaded_mallocs__bytes_max(use)));
	}
}
