// SPDX-License-Identifier: BSD-2-Clause
#include "probes/features.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "probes/bpf_compat.h"
#include "probes/own_code.h"
#include "selftest.skel.h"
#include "util/cleanup.h"

/* The function at which pyfrag probes itself. */
__attribute__((noinline)) static void probed_function(void)
{
	__asm__ volatile("");
}

static void *call_probed_function(void *unused)
{
	(void)unused;
	probed_function();
	return NULL;
}

static void destroy_selftest(struct selftest_bpf **skeleton)
{
	selftest_bpf__destroy(*skeleton);
}

/* Probes ourselves with a perf event. */
static void detect_uprobe(struct features *features, uint64_t offset)
{
	_cleanup_(destroy_selftest) struct selftest_bpf *skeleton = selftest_bpf__open_and_load();
	struct bpf_link *link;

	if (!skeleton)
		return;
	link = bpf_program__attach_uprobe(skeleton->progs.count_hit, false, getpid(),
					  "/proc/self/exe", offset);
	if (!link)
		return;
	probed_function();
	features->uprobe = skeleton->bss->hit_cnt == 1;
	bpf_link__destroy(link);
}

/* Probes ourselves with uprobe_multi, and checks whether a hit of a second thread is seen. */
static void detect_uprobe_multi(struct features *features, uint64_t offset)
{
	_cleanup_(destroy_selftest) struct selftest_bpf *skeleton = selftest_bpf__open();
	_cleanup_close_ int link_fd = -1;
	pthread_t thread;

	if (!skeleton)
		return;
	bpf_program__set_expected_attach_type(skeleton->progs.count_hit,
					      (enum bpf_attach_type)ATTACH_TYPE_UPROBE_MULTI);
	if (selftest_bpf__load(skeleton))
		return;
	link_fd = bpf_compat__link_uprobe_multi(bpf_program__fd(skeleton->progs.count_hit),
						"/proc/self/exe", &offset, NULL, 1, getpid());
	if (link_fd < 0 || pthread_create(&thread, NULL, call_probed_function, NULL))
		return;
	pthread_join(thread, NULL);
	features->uprobe_multi = skeleton->bss->hit_cnt == 1;
	features->uprobe_multi_by_thread = !features->uprobe_multi;
}

/*
 * Why no program can be loaded: it is not permitted (possibly by a container's seccomp profile), or
 * there is another reason.
 */
static int load_error(void)
{
	static const struct bpf_insn return_zero[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K},
		{.code = BPF_JMP | BPF_EXIT},
	};
	_cleanup_close_ int fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "GPL", return_zero,
					       ARRAY_SIZE(return_zero), NULL);

	return fd < 0 ? fd : -ENOTSUP;
}

static int silence(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static int detect(struct features *out)
{
	libbpf_print_fn_t print = libbpf_set_print(silence);
	struct features features = {};
	uint64_t offset;
	int result;

	result = libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_KPROBE, NULL);
	if (result == 1) {
		features.ring_buffer = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL) == 1;
		if (own_code__find_offset((const void *)probed_function, &offset)) {
			detect_uprobe_multi(&features, offset);
			if (!features.uprobe_multi)
				detect_uprobe(&features, offset);
		}
	}
	libbpf_set_print(print);
	if (result < 0)
		return result;
	if (!result)
		return load_error();
	*out = features;
	return 0;
}

/* The result of the first call, which is made before there are threads. */
static struct features known;
static bool is_known;

int features__detect(struct features *out)
{
	int err;

	if (!is_known) {
		err = detect(&known);
		if (err)
			return err;
		is_known = true;
	}
	*out = known;
	return 0;
}
