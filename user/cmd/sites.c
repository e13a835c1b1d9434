// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/commands.h"
#include "probes/insn.h"
#include "probes/sites.h"
#include "util/cleanup.h"
#include "util/log.h"

struct operand_text {
	char text[32];
};

/* "rax", "rbp-16", "[rax+8]", "-" */
static struct operand_text format_operand(const struct pyfrag_site *probe)
{
	struct operand_text out = {"-"};
	const char *name = insn__register_name(probe->operand & ~PYFRAG_OPERAND_IN_MEMORY);

	if (probe->operand == PYFRAG_NO_REGISTER)
		return out;
	if (probe->operand & PYFRAG_OPERAND_IN_MEMORY)
		snprintf(out.text, sizeof(out.text), "[%s%+d]", name, probe->displacement);
	else if (probe->displacement)
		snprintf(out.text, sizeof(out.text), "%s%+d", name, probe->displacement);
	else
		snprintf(out.text, sizeof(out.text), "%s", name);
	return out;
}

static void print_sites(const struct site_set *set)
{
	printf("%-18s %-12s %-16s %-9s %s\n", "address", "offset", "site", "operand", "kernel");
	for (size_t i = 0; i < set->cnt; i++) {
		const struct site *site = &set->items[i];

		printf("%#-18" PRIx64 " %#-12" PRIx64 " %-16s %-9s %s\n", site->address,
		       site->offset, site__type_name(site->probe.type),
		       format_operand(&site->probe).text,
		       site->emulated ? "emulates" : "single-steps");
	}
}

static int run_sites(const struct options *options)
{
	_cleanup_(elf_file__freep) struct elf_file *elf = NULL;
	_cleanup_(site_set__free) struct site_set set = {};
	_cleanup_close_ int fd = -1;
	int err;

	fd = open(options->arguments[0], O_RDONLY | O_CLOEXEC);
	err = elf_file__open(&elf, fd);
	if (!err)
		err = site_set__scan(&set, elf);
	if (err) {
		log_error("%s", strerror(-err));
		return err;
	}
	print_sites(&set);
	return 0;
}

const struct command command_sites = {
	.name = "sites",
	.arguments = "-p PID | FILE",
	.summary = "list the probe sites of a process' Python, or of a file",
	.description = "",
	.options = (const enum option_id[]){OPTION_PID, OPTION_VERBOSE, OPTION_HELP, 0},
	.run = run_sites,
};
