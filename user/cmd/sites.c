// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/commands.h"
#include "probes/arch/arch.h"
#include "probes/site_cache.h"
#include "probes/sites.h"
#include "target/live.h"
#include "target/python.h"
#include "target/reading_allowance.h"
#include "util/cleanup.h"
#include "util/cpu_allowance.h"
#include "util/log.h"
#include "util/reader_gone.h"
#include "util/regular_file.h"

struct operand_text {
	char text[32];
};

/* Formats an operand: "rax", "rbp-16", "[rax+8]", "-". */
static struct operand_text format_operand(const struct pyfrag_site *probe, const struct arch *arch)
{
	struct operand_text out = {"-"};
	const char *name = arch__register_name(arch, probe->operand & ~PYFRAG_OPERAND_IN_MEMORY);

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

static void print_sites(const struct site_set *set, const struct arch *arch)
{
	static const enum pyfrag_event_type types[] = {
		EVENT_ALLOC,	 EVENT_FREE,	    EVENT_NEW_POOL,	  EVENT_POOL_FREED,
		EVENT_ARENA_MAP, EVENT_ARENA_UNMAP, EVENT_FREELIST_CLEAR,
	};

	printf("%-18s %-12s %-16s %-9s %s\n", "address", "offset", "site", "operand", "kernel");
	for (size_t i = 0; i < set->cnt; i++) {
		const struct site *site = &set->items[i];

		printf("%#-18" PRIx64 " %#-12" PRIx64 " %-16s %-9s %s\n", site->address,
		       site->offset, site__type_name(site->probe.type),
		       format_operand(&site->probe, arch).text,
		       site->emulated ? "emulates" : "single-steps");
	}
	printf("%zu probe sites:", set->cnt);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		printf("%s %zu %s", i ? "," : "", site_set__count(set, types[i]),
		       site__type_name(types[i]));
	putchar('\n');
}

/* Finds the architecture of the code in the file behind @fd. Returns 0 or negative errno. */
static int find_arch(const struct arch **out, int fd)
{
	_cleanup_(elf_file__freep) struct elf_file *elf = NULL;
	int err = elf_file__open(&elf, fd);

	if (err)
		return err;
	*out = elf_file__arch(elf);
	return *out ? 0 : -ENOTSUP;
}

static int find_sites(struct site_set *out, const struct arch **arch, int fd,
		      const struct options *options, bool *cached)
{
	int err;

	reading_allowance__begin_scan(fd, options->snapshot.reading.max_cpu_s);
	err = find_arch(arch, fd);
	if (!err)
		err = site_cache__find(out, fd, 0, !options->trace.no_cache, cached);
	return cpu_allowance__end() ? -ETIME : err;
}

static int find_and_print(int fd, const char *name, const struct options *options)
{
	_cleanup_(site_set__free) struct site_set set = {};
	const struct arch *arch = NULL;
	bool cached;
	int err;

	err = find_sites(&set, &arch, fd, options, &cached);
	if (err == -ETIME)
		log_error("scanning %s exceeds the CPU time limit (--max-cpu)", name);
	else if (err == -ENOEXEC)
		log_error("%s is not an ELF executable or library", name);
	else if (err == -ENOTSUP)
		log_error("%s: pyfrag cannot decode code of this architecture", name);
	else if (err)
		log_error("cannot scan %s: %s", name, strerror(-err));
	if (err)
		return err;
	if (!set.cnt) {
		log_error("%s contains no pymalloc code: it is not CPython, or was built without "
			  "pymalloc",
			  name);
		return -ENOENT;
	}
	log_debug("%s: probe sites %s", name, cached ? "from the cache" : "scanned");
	print_sites(&set, arch);
	return reader_gone__flush_stdout();
}

static int show_file(const char *path, const struct options *options)
{
	struct failure failure;
	_cleanup_close_ int fd = regular_file__open("cannot read", path, &failure);

	if (fd >= 0)
		return find_and_print(fd, path, options);
	log_error("%s", failure.text);
	return fd;
}

static int find_python(struct python **out, const struct target *target,
		       const struct options *options, struct failure *failure)
{
	int err;

	reading_allowance__begin(READING_HEAP, target->pid, options->snapshot.reading.max_cpu_s);
	err = python__find(out, target, failure);
	return reading_allowance__end(target->pid, err, failure);
}

static int show_process(const struct options *options)
{
	_cleanup_(target__freep) struct target *target = NULL;
	_cleanup_(python__freep) struct python *python = NULL;
	struct failure failure;
	int err;

	err = live__open(&target, options->pid, &failure);
	if (!err)
		err = find_python(&python, target, options, &failure);
	if (err) {
		log_error("%s", failure.text);
		return err;
	}
	return find_and_print(python->module->fd, python->module->path, options);
}

static int run_sites(const struct options *options)
{
	if (!options->pid == !options->argument_cnt || options->argument_cnt > 1) {
		log_error("sites: specify a process (-p PID) or one file");
		return -EINVAL;
	}
	return options->pid ? show_process(options) : show_file(options->arguments[0], options);
}

const struct command command_sites = {
	.name = "sites",
	.arguments = "-p PID | FILE",
	.summary = "list the probe sites of a Python process or file",
	.description =
		"Finds every copy of pymalloc's fast and slow paths in the code of a CPython "
		"executable or library. Lists each as a probe site: its address and file offset, "
		"the event (alloc, free, new pool, ...), the register or memory location that "
		"holds the block, pool or arena, and whether the kernel emulates the probed "
		"instruction (cheap) or single-steps it (expensive).",
	.options = (const enum option_id[]){OPTION_PID, OPTION_MAX_CPU, OPTION_NO_CACHE,
					    OPTION_VERBOSE, OPTION_HELP, 0},
	.help = (const struct option_help[]){{OPTION_MAX_CPU,
					      "CPU time limit for finding Python in the process "
					      "(default 20, plus 20 for each GiB of the process's "
					      "anonymous memory), and for the scan for probe sites "
					      "(default 20, plus 4 for each MiB of the file)"},
					     {}},
	.run = run_sites,
};
