// SPDX-License-Identifier: BSD-2-Clause
/*
 * Prints what pyfrag reads of glibc's malloc in any process, for test_malloc.py: the array that a
 * JSON report has. (pyfrag itself reads only processes that run Python.)
 */
#include "open_target.h"

#include "analysis/malloc_use.h"
#include "malloc/malloc_layout.h"
#include "malloc/mallocs.h"
#include "output/json_malloc.h"
#include "util/cleanup.h"

static int print_mallocs(const struct target *target)
{
	_cleanup_(heap__freep) struct heap *heap = NULL;
	_cleanup_(mallocs__release) struct mallocs mallocs = {};
	struct malloc_use use;
	json_t *report;
	int err = heap__new(&heap, &malloc_layout, target->memory->account);

	if (!err)
		err = mallocs__read(&mallocs, heap, target, NULL);
	if (err)
		return err;
	use = malloc_use__of(&mallocs);
	report = json_malloc__report(&use, 0);
	err = report ? json_dumpf(report, stdout, 0) : -1;
	json_decref(report);
	return err;
}

int main(int argc, char **argv)
{
	_cleanup_(target__freep) struct target *target = NULL;
	int status = open_target(&target, argc, argv);

	if (status)
		return status;
	return print_mallocs(target) ? 1 : 0;
}
