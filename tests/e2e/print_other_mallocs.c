// SPDX-License-Identifier: BSD-2-Clause
/*
 * Prints the allocators that pyfrag finds in any process, for test_other_mallocs.py: a line of JSON
 * for each. (pyfrag itself reads only processes that run Python.)
 */
#include "open_target.h"

#include "other_mallocs/other_mallocs.h"
#include "util/cleanup.h"

static void print_malloc(const struct other_malloc *item)
{
	printf("{\"name\": \"%s\", \"path\": \"%s\", \"in_use_allocations\": %lu, "
	       "\"in_use_bytes\": %lu, \"skipped\": %lu",
	       other_malloc_names[item->kind], item->path, item->in_use_cnt, item->in_use_bytes,
	       item->skipped);
	for (int state = 0; state < OTHER_STATES; state++)
		printf(", \"%s\": %lu", other_state_names[state],
		       other_malloc__bytes(item, (enum other_state)state));
	printf("}\n");
}

int main(int argc, char **argv)
{
	_cleanup_(other_mallocs__release) struct other_mallocs mallocs = {};
	_cleanup_(target__freep) struct target *target = NULL;
	int status = open_target(&target, argc, argv);

	if (status)
		return status;
	if (other_mallocs__find(&mallocs, target))
		return 1;
	for (size_t i = 0; i < mallocs.cnt; i++)
		print_malloc(&mallocs.items[i]);
	return 0;
}
