// SPDX-License-Identifier: BSD-2-Clause
#include "probes/loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probes/bpf_compat.h"
#include "probes/bpf_log.h"
#include "probes/keeper.h"
#include "probes/multi_link.h"
#include "probes/site_check.h"
#include "probes/uprobe_group.h"
#include "pyfrag.skel.h"
#include "target/live.h"
#include "target/live_activity.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"

/* The inode of the initial pid namespace: PROC_PID_INIT_INO (include/linux/proc_ns.h). */
#define INITIAL_PIDNS_INODE 0xEFFFFFFCU

/* The consumer is woken when up to an eighth of the ring may be full. */
#define WAKEUPS_PER_RING 8
#define RECORD_BYTES	 (sizeof(struct pyfrag_event) + 8) /* includes the ring's own header */

/* Up to this many sites get a perf event each if there is no uprobe_multi: see uprobe_group.h. */
#define SINGLE_SITES_MAX 12

enum probe_method {
	PROBE_MULTI,  /* one link for all sites; the site is the attach cookie */
	PROBE_GROUP,  /* one perf event for all sites; the site is looked up by address */
	PROBE_SINGLE, /* a perf event per site; the site is looked up by address */
};

struct probe_set {
	struct pyfrag_bpf *skeleton;
	enum probe_method method;
	bool use_cookie;
	pid_t pid;
	struct keeper *keeper; /* holds everything that puts breakpoints into the target */
	struct uprobe_group group;
	struct bpf_link **links; /* to exec and fork */
	size_t link_cnt, link_capacity;
	struct multi_link multi_links[PROBE_GROUP_CNT];
	struct site_set multi_sites[PROBE_GROUP_CNT]; /* the sites of each of them */
	struct site_check *check;		      /* NULL: our own code is probed */
	struct target *target;			      /* NULL if it is not checked */
	uint64_t mismatched_cnt;		      /* sites that the check has dropped */
};

static int describe_load_error(int err, struct failure *failure)
{
	if (err == -EPERM)
		return failure__set(failure, err,
				    "cannot load BPF programs: not permitted; run as root, or with "
				    "CAP_BPF and CAP_PERFMON (see: pyfrag doctor)");
	if (err == -ESRCH || err == -ENOENT)
		return failure__set(failure, err,
				    "cannot load BPF programs: this kernel has no BTF "
				    "(/sys/kernel/btf/vmlinux); it needs CONFIG_DEBUG_INFO_BTF");
	if (err == -EACCES || err == -EINVAL)
		return failure__set(failure, err,
				    "cannot load BPF programs: this kernel's verifier rejects them "
				    "(details with --verbose)");
	return failure__set(failure, err, "cannot load BPF programs: %s (details with --verbose)",
			    strerror(-err));
}

static int describe_no_keeper(int err, struct failure *failure)
{
	return failure__set(failure, err,
			    err == -EPIPE ? "cannot probe: pyfrag-keeper, which manages the "
					    "probes, was killed; start pyfrag again to probe"
					  : "cannot probe: pyfrag-keeper, which manages the "
					    "probes, is not running: %s",
			    strerror(-err));
}

static void choose_method(struct probe_set *probes, const struct probe_options *options,
			  const struct features *features)
{
	if (features->uprobe_multi) {
		probes->method = PROBE_MULTI;
	} else {
		uprobe_group__remove_stale();
		probes->method = options->site_cnt > SINGLE_SITES_MAX && !uprobe_group__check()
					 ? PROBE_GROUP
					 : PROBE_SINGLE;
	}
	probes->use_cookie = probes->method == PROBE_MULTI;
}

/*
 * The number of hits after which a CPU wakes the consumer: when every CPU has recorded that many,
 * an eighth of the ring is full.
 */
static uint64_t wakeup_hits(size_t ring_bytes)
{
	uint64_t room = ring_bytes / WAKEUPS_PER_RING / RECORD_BYTES, hits = 1;
	int cpus = libbpf_num_possible_cpus();

	while (hits * 2 * (cpus > 0 ? (uint64_t)cpus : 1) <= room)
		hits *= 2;
	return hits;
}

static void set_constants(struct pyfrag_bpf *skeleton, const struct probe_options *options,
			  bool use_cookie)
{
	struct stat namespace;

	skeleton->rodata->target_tgid = (uint32_t)options->pid;
	skeleton->rodata->use_cookie = use_cookie;
	skeleton->rodata->with_stacks = options->with_stacks;
	skeleton->rodata->has_budget = options->has_budget;
	skeleton->rodata->wakeup_hits = wakeup_hits(options->ring_bytes);
	skeleton->rodata->hit_cost_ns[HITS_EMULATED] = (uint32_t)options->hit_cost.emulated_ns;
	skeleton->rodata->hit_cost_ns[HITS_STEPPED] = (uint32_t)options->hit_cost.stepped_ns;
	for (int kind = 0; kind < ALLOW_CNT; kind++)
		skeleton->bss->allowance_ns[kind] = UINT64_MAX;
	if (!stat("/proc/self/ns/pid", &namespace) && namespace.st_ino != INITIAL_PIDNS_INODE) {
		skeleton->rodata->pidns_device = namespace.st_dev;
		skeleton->rodata->pidns_inode = namespace.st_ino;
	}
}

static int expect_multi(struct pyfrag_bpf *skeleton)
{
	const enum bpf_attach_type type = (enum bpf_attach_type)ATTACH_TYPE_UPROBE_MULTI;
	int err = bpf_program__set_expected_attach_type(skeleton->progs.handle_site, type);

	return err ? err
		   : bpf_program__set_expected_attach_type(skeleton->progs.handle_nothing, type);
}

/*
 * The kernel looks up the process to probe by its first thread, and compares memory descriptors
 * (kernel/trace/bpf_trace.c, uprobe_multi_link_filter(); kernel/trace/trace_uprobe.c,
 * uprobe_perf_filter()). A process whose first thread has ended silently gets no probes. Probes
 * that are already in it stay until any probe is removed from the same file.
 */
static int check_first_thread(const struct probe_set *probes)
{
	return live_activity__first_thread_has_ended(probes->pid) ? -EOWNERDEAD : 0;
}

const char *probe_set__error_text(int err)
{
	return err == -EOWNERDEAD ? "its first thread has ended, and the kernel cannot insert "
				    "probes into such a process"
				  : strerror(-err);
}

static int prepare_check(struct probe_set *probes, const struct probe_options *options,
			 struct failure *failure)
{
	const struct module *module = options->module;
	int err = live__open(&probes->target, probes->pid, failure);

	if (err)
		return err;
	err = site_check__new(&probes->check, module->fd, module->bias, options->code_bytes_max);
	return err ? failure__set(failure, err, "process %d: cannot check the code of %s: %s",
				  probes->pid, module->path, strerror(-err))
		   : 0;
}

int probe_set__new(struct probe_set **out, const struct probe_options *options,
		   const struct features *features, struct failure *failure)
{
	_cleanup_(probe_set__freep) struct probe_set *probes = calloc(1, sizeof(*probes));
	int err;

	if (!probes)
		return failure__set(failure, -ENOMEM, "out of memory");
	bpf_log__forward();
	probes->pid = options->pid;
	for (size_t i = 0; i < PROBE_GROUP_CNT; i++)
		probes->multi_links[i] = (struct multi_link){.number = -1, .file_fd = -1};
	err = keeper__open(&probes->keeper);
	if (err)
		return describe_no_keeper(err, failure);
	err = options->module ? prepare_check(probes, options, failure) : 0;
	if (err)
		return err;
	choose_method(probes, options, features);
	probes->skeleton = pyfrag_bpf__open();
	if (!probes->skeleton)
		return describe_load_error(-errno, failure);
	set_constants(probes->skeleton, options, probes->use_cookie);
	err = bpf_map__set_max_entries(probes->skeleton->maps.events,
				       (uint32_t)options->ring_bytes);
	if (!err && probes->method == PROBE_MULTI)
		err = expect_multi(probes->skeleton);
	if (!err)
		err = pyfrag_bpf__load(probes->skeleton);
	if (err)
		return describe_load_error(err, failure);
	*out = TAKE_PTR(probes);
	return 0;
}

static void remove_group(const struct uprobe_group *group)
{
	_cleanup_close_ int fd = group->number ? uprobe_group__open() : -1;

	if (fd >= 0)
		uprobe_group__remove(group, fd);
}

void probe_set__free(struct probe_set *probes)
{
	if (!probes)
		return;
	for (size_t i = 0; i < PROBE_GROUP_CNT; i++) {
		multi_link__release(&probes->multi_links[i]);
		site_set__free(&probes->multi_sites[i]);
	}
	for (size_t i = 0; i < probes->link_cnt; i++)
		bpf_link__destroy(probes->links[i]);
	/* Removes the group, too, if the keeper was not killed. */
	keeper__close(probes->keeper);
	remove_group(&probes->group);
	pyfrag_bpf__destroy(probes->skeleton);
	free((void *)probes->links);
	site_check__free(probes->check);
	target__free(probes->target);
	free(probes);
}

void probe_set__freep(struct probe_set **probes)
{
	probe_set__free(*probes);
}

static int add_link(struct probe_set *probes, struct bpf_link *link)
{
	int err;

	err = ARRAY_RESERVE(probes->links, probes->link_capacity, probes->link_cnt + 1);
	if (err) {
		bpf_link__destroy(link);
		return err;
	}
	probes->links[probes->link_cnt++] = link;
	return 0;
}

/* Lets the program look up @site by the address of the hit. */
static int register_address(struct probe_set *probes, const struct site *site, uint64_t bias)
{
	struct pyfrag_site encoded = site__encode(site);
	uint64_t address = site->address + bias;
	int err = bpf_map_update_elem(bpf_map__fd(probes->skeleton->maps.site_by_address), &address,
				      &encoded, BPF_ANY);

	return err ? -errno : 0;
}

/* Attaches all sites with one perf event. */
static int attach_group(struct probe_set *probes, const struct site *const *sites, size_t cnt,
			const char *path, uint64_t bias, size_t *attached)
{
	_cleanup_free_ uint64_t *offsets = calloc(cnt, sizeof(*offsets));
	struct uprobe_event event = {.type = PERF_TYPE_TRACEPOINT, .pid = probes->pid};
	const struct uprobe_group *group = &probes->group;
	int number, err = 0;

	if (!offsets)
		return -ENOMEM;
	for (size_t i = 0; i < cnt && !err; i++) {
		offsets[i] = sites[i]->offset;
		err = register_address(probes, sites[i], bias);
	}
	probes->group = uprobe_group__new();
	if (!err)
		err = keeper__remove_group(probes->keeper, group);
	if (!err)
		err = uprobe_group__define(group, path, offsets, cnt, attached);
	if (!err)
		err = uprobe_group__event_number(group, &event.config);
	if (err)
		return err;
	number = keeper__open_event(probes->keeper, &event,
				    bpf_program__fd(probes->skeleton->progs.handle_site), -1);
	return number < 0 ? number : 0;
}

/* Attaches one site with a perf event of its own. */
static int attach_single(struct probe_set *probes, const struct site *site, uint32_t type,
			 int file_fd, uint64_t bias)
{
	const struct uprobe_event event = {.type = type,
					   .config = site->offset,
					   .pid = probes->pid};
	int err = register_address(probes, site, bias), number;

	if (err)
		return err;
	number = keeper__open_event(probes->keeper, &event,
				    bpf_program__fd(probes->skeleton->progs.handle_site), file_fd);
	return number < 0 ? number : 0;
}

static int attach_singly(struct probe_set *probes, const struct site *const *sites, size_t cnt,
			 int file_fd, uint64_t bias, size_t *attached)
{
	uint32_t type;
	int last_err = uprobe_event__type(&type);

	if (last_err)
		return last_err;
	*attached = 0;
	for (size_t i = 0; i < cnt; i++) {
		int err = attach_single(probes, sites[i], type, file_fd, bias);

		if (err == -ENOMEM || err == -EPERM || err == -EACCES || err == -EMFILE ||
		    err == -EPIPE)
			return err;
		if (err)
			last_err = err;
		else
			(*attached)++;
	}
	return *attached ? 0 : last_err;
}

/*
 * Removes from @sites those where the target's code is not what the site expects. Called right
 * before they are attached. Returns 0; -EOWNERDEAD: the target's first thread has ended; or
 * negative errno.
 */
static int drop_mismatched(struct probe_set *probes, const struct site **sites, size_t *cnt)
{
	size_t sound_cnt;
	int err;

	if (!probes->check)
		return 0;
	err = check_first_thread(probes);
	if (!err)
		err = site_check__select_in(probes->check, probes->target, sites, *cnt, &sound_cnt);
	if (err)
		return err;
	if (sound_cnt < *cnt)
		log_note("process %d (%s): probe sites not used: %zu (the code in its memory "
			 "differs from the scanned file; if this persists, try `trace --no-cache`)",
			 probes->pid, probes->target->comm, *cnt - sound_cnt);
	probes->mismatched_cnt += *cnt - sound_cnt;
	*cnt = sound_cnt;
	return 0;
}

/* Links can be detached and attached again, so the sites are kept, to be checked again then. */
static int prepare_multi(struct probe_set *probes, enum probe_group group,
			 const struct site *const *sites, size_t cnt, int fd)
{
	struct site_set *kept = &probes->multi_sites[group];
	int err = ARRAY_RESERVE(kept->items, kept->capacity, cnt);

	if (err)
		return err;
	for (kept->cnt = 0; kept->cnt < cnt; kept->cnt++)
		kept->items[kept->cnt] = *sites[kept->cnt];
	return multi_link__init(&probes->multi_links[group], probes->keeper,
				bpf_program__fd(probes->skeleton->progs.handle_site), sites, cnt,
				fd, probes->pid);
}

/*
 * Called before @group is attached again. Removes for good those of its sites that can no longer be
 * probed.
 */
static int check_again(struct probe_set *probes, enum probe_group group)
{
	struct multi_link *link = &probes->multi_links[group];
	const struct site_set *set = &probes->multi_sites[group];
	_cleanup_(site_set__free) struct site_set old = {};
	_cleanup_free_ const struct site **sites = NULL;
	_cleanup_close_ int fd = -1;
	bool was_attached = link->number >= 0;
	size_t cnt = set->cnt;
	int err;

	sites = (const struct site **)calloc(cnt + 1, sizeof(*sites));
	if (!sites)
		return -ENOMEM;
	for (size_t i = 0; i < cnt; i++)
		sites[i] = &set->items[i];
	err = drop_mismatched(probes, sites, &cnt);
	if (err || cnt == set->cnt)
		return err;
	fd = TAKE_FD(link->file_fd);
	multi_link__release(link);
	old = probes->multi_sites[group];
	probes->multi_sites[group] = (struct site_set){};
	err = cnt ? prepare_multi(probes, group, sites, cnt, fd) : 0;
	return err || !was_attached || !cnt ? err : multi_link__attach(link);
}

static int attach(struct probe_set *probes, enum probe_group group, const struct site *const *sites,
		  size_t cnt, int fd, uint64_t bias, size_t *attached)
{
	struct multi_link *link = &probes->multi_links[group];
	char path[64];
	int err;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	*attached = cnt;
	switch (probes->method) {
	case PROBE_MULTI:
		err = prepare_multi(probes, group, sites, cnt, fd);
		return err || group == PROBES_BURST ? err : multi_link__attach(link);
	case PROBE_GROUP:
		return attach_group(probes, sites, cnt, path, bias, attached);
	case PROBE_SINGLE:
		return attach_singly(probes, sites, cnt, fd, bias, attached);
	}
	return -EINVAL;
}

int probe_set__attach_sites(struct probe_set *probes, enum probe_group group,
			    const struct site_set *sites, uint32_t types, int fd, uint64_t bias,
			    size_t *attached, uint64_t *unusable, struct failure *failure)
{
	_cleanup_free_ const struct site **wanted = NULL;
	size_t cnt = 0, done = 0;
	int err;

	wanted = (const struct site **)calloc(sites->cnt + 1, sizeof(*wanted));
	if (!wanted)
		return failure__set(failure, -ENOMEM, "out of memory");
	for (size_t i = 0; i < sites->cnt; i++)
		if (types & 1U << sites->items[i].probe.type)
			wanted[cnt++] = &sites->items[i];
	err = cnt ? drop_mismatched(probes, wanted, &cnt) : 0;
	if (!err && cnt)
		err = attach(probes, group, wanted, cnt, fd, bias, &done);
	if (err == -EPIPE)
		return describe_no_keeper(err, failure);
	if (err)
		return failure__set(failure, err, "cannot probe process %d: %s%s", probes->pid,
				    probe_set__error_text(err),
				    err == -EPERM || err == -EACCES
					    ? "; run as root, or with CAP_PERFMON and CAP_BPF"
					    : "");
	*attached += done;
	*unusable += cnt - done;
	return 0;
}

bool probe_set__can_switch(const struct probe_set *probes)
{
	return probes->method == PROBE_MULTI;
}

int probe_set__switch(struct probe_set *probes, enum probe_group group, bool on)
{
	struct multi_link *link = &probes->multi_links[group];
	int err;

	if (!link->cnt)
		return probe_set__can_switch(probes) ? 0 : -ENOTSUP;
	if (!on)
		return multi_link__detach(link);
	err = link->number < 0 ? check_again(probes, group) : 0;
	return err || !link->cnt ? err : multi_link__attach(link);
}

int probe_set__attach_life(struct probe_set *probes, struct failure *failure)
{
	struct bpf_program *programs[] = {probes->skeleton->progs.handle_exec,
					  probes->skeleton->progs.handle_fork};

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		struct bpf_link *link = bpf_program__attach(programs[i]);
		int err = link ? add_link(probes, link) : -errno;

		if (err)
			return failure__set(failure, err, "cannot trace exec and fork: %s",
					    strerror(-err));
	}
	return 0;
}

int probe_set__spare_children(struct probe_set *probes)
{
	int prog_fd = bpf_program__fd(probes->skeleton->progs.handle_nothing);
	int err = 0;

	for (size_t i = 0; i < PROBE_GROUP_CNT && !err; i++) {
		/* This attaches another link to the same sites. */
		if (probes->multi_links[i].number >= 0)
			err = check_again(probes, (enum probe_group)i);
		if (!err)
			err = multi_link__spare_children(&probes->multi_links[i], prog_fd);
	}
	return err;
}

int probe_set__keeper_fd(const struct probe_set *probes)
{
	return keeper__fd(probes->keeper);
}

void probe_set__allow(struct probe_set *probes, enum pyfrag_allowance kind, uint64_t allowance_ns)
{
	probes->skeleton->bss->allowance_ns[kind] = allowance_ns;
	probes->skeleton->bss->overrun[kind] = 0;
}

void probe_set__ignore(struct probe_set *probes, enum pyfrag_allowance kind)
{
	probes->skeleton->bss->overrun[kind] = 1;
	probes->skeleton->bss->allowance_ns[kind] = 0;
}

void probe_set__charge(struct probe_set *probes, uint64_t ns)
{
	/* The BPF program may add to it at any time. */
	__atomic_fetch_add(&probes->skeleton->bss->spent_ns, ns, __ATOMIC_RELAXED);
}

uint64_t probe_set__spent_ns(const struct probe_set *probes)
{
	const struct pyfrag_bpf *skeleton = probes->skeleton;
	uint64_t spent_ns = skeleton->bss->spent_ns, hits[HITS_CNT] = {};

	if (skeleton->rodata->has_budget)
		return spent_ns;
	probe_set__read_hits(probes, hits);
	return spent_ns + hits[HITS_EMULATED] * skeleton->rodata->hit_cost_ns[HITS_EMULATED] +
	       hits[HITS_STEPPED] * skeleton->rodata->hit_cost_ns[HITS_STEPPED];
}

void probe_set__enable_stacks(struct probe_set *probes, const struct pyfrag_stacks *stacks)
{
	struct pyfrag_stacks *shared = &probes->skeleton->bss->stacks;

	*shared = *stacks;
	/* The programs read the rest only if this is set. */
	__atomic_store_n(&shared->enabled, 1, __ATOMIC_RELEASE);
}

void probe_set__forget_stack(struct probe_set *probes, uint64_t number)
{
	bpf_map_delete_elem(bpf_map__fd(probes->skeleton->maps.sent_stacks), &number);
}

int probe_set__ring_fd(const struct probe_set *probes)
{
	return bpf_map__fd(probes->skeleton->maps.events);
}

/* Sums per-CPU values over all CPUs. */
static void read_sums(const struct bpf_map *map, uint32_t cnt, uint64_t *sums)
{
	int cpus = libbpf_num_possible_cpus();
	_cleanup_free_ uint64_t *values = calloc(cpus > 0 ? (size_t)cpus : 1, sizeof(*values));

	for (uint32_t key = 0; key < cnt && values; key++) {
		if (bpf_map_lookup_elem(bpf_map__fd(map), &key, values))
			continue;
		sums[key] = 0;
		for (int cpu = 0; cpu < cpus; cpu++)
			sums[key] += values[cpu];
	}
}

void probe_set__read_counters(const struct probe_set *probes, struct counters *counters)
{
	read_sums(probes->skeleton->maps.counters, COUNTER_BPF_CNT, counters->values);
	counters__set(counters, COUNTER_SITES_MISMATCHED, probes->mismatched_cnt);
}

void probe_set__read_hits(const struct probe_set *probes, uint64_t *hits)
{
	read_sums(probes->skeleton->maps.hits, HITS_CNT, hits);
}
