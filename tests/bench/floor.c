// SPDX-License-Identifier: BSD-2-Clause
/*
 * The lower bound of the cost of full tracing: a BPF program that does nothing, attached at all the
 * sites that pyfrag probes. Prints "ready" when it is attached, and stays attached until its stdin
 * is closed. Usage: floor PID
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "probes/bpf_compat.h"
#include "probes/keeper.h"
#include "probes/multi_link.h"
#include "probes/site_cache.h"
#include "pyfrag/stacks.h"

#include "pyfrag.skel.h"
#include "target/live.h"
#include "target/python.h"
#include "util/cleanup.h"

static int fail(const char *what)
{
	fprintf(stderr, "floor: %s\n", what);
	return 1;
}

static struct pyfrag_bpf *load_program(void)
{
	struct pyfrag_bpf *skeleton = pyfrag_bpf__open();

	if (!skeleton)
		return NULL;
	bpf_program__set_expected_attach_type(skeleton->progs.handle_nothing,
					      (enum bpf_attach_type)ATTACH_TYPE_UPROBE_MULTI);
	bpf_program__set_autoload(skeleton->progs.handle_site, false);
	return pyfrag_bpf__load(skeleton) ? NULL : skeleton;
}

int main(int argc, char **argv)
{
	_cleanup_free_ const struct site **wanted = NULL;
	struct site_set sites = {};
	struct pyfrag_bpf *skeleton;
	struct multi_link link;
	struct target *target;
	struct keeper *keeper;
	struct failure failure;
	struct python *python;
	bool cached;
	char byte;

	if (argc != 2)
		return fail("usage: floor PID");
	if (keeper__start(NULL, &failure))
		return fail(failure.text);
	if (keeper__open(&keeper))
		return fail("no keeper");
	skeleton = load_program();
	if (!skeleton)
		return fail("cannot load the program");
	if (live__open(&target, atoi(argv[1]), &failure) || python__find(&python, target, &failure))
		return fail(failure.text);
	if (site_cache__find(&sites, python->module->fd, 0, true, &cached))
		return fail("cannot scan");
	wanted = (const struct site **)calloc(sites.cnt + 1, sizeof(*wanted));
	if (!wanted)
		return fail("out of memory");
	for (size_t i = 0; i < sites.cnt; i++)
		wanted[i] = &sites.items[i];
	if (multi_link__init(&link, keeper, bpf_program__fd(skeleton->progs.handle_nothing), wanted,
			     sites.cnt, python->module->fd, target->pid) ||
	    multi_link__attach(&link))
		return fail("cannot attach (is there uprobe_multi?)");
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	multi_link__release(&link);
	keeper__close(keeper);
	return 0;
}
