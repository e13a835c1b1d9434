// SPDX-License-Identifier: BSD-2-Clause
#include "probes/hit_cost.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "probes/bpf_compat.h"
#include "probes/own_code.h"
#include "selftest.skel.h"
#include "util/cleanup.h"

/* Two functions of two instructions, the first of which is probed: a jump to the next, and a copy. */
void pyfrag_emulated_instruction(void);
void pyfrag_stepped_instruction(void);

#if defined(__x86_64__)
__asm__(".pushsection .text\n"
	".type pyfrag_emulated_instruction, @function\n"
	"pyfrag_emulated_instruction: jmp 1f\n"
	"1: ret\n"
	".type pyfrag_stepped_instruction, @function\n"
	"pyfrag_stepped_instruction: mov %rax, %rax\n"
	"ret\n"
	".popsection\n");
#elif defined(__aarch64__)
__asm__(".pushsection .text\n"
	".type pyfrag_emulated_instruction, %function\n"
	"pyfrag_emulated_instruction: b 1f\n"
	"1: ret\n"
	".type pyfrag_stepped_instruction, %function\n"
	"pyfrag_stepped_instruction: mov x9, x9\n"
	"ret\n"
	".popsection\n");
#else
#error "an instruction that the kernel emulates, and one that it does not"
#endif

#define BATCHES	   5
#define BATCH_HITS 400

static void destroy_selftest(struct selftest_bpf **skeleton)
{
	selftest_bpf__destroy(*skeleton);
}

static double thread_cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int compare_doubles(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

/* The median of some batches: what else happened to the thread meanwhile does not count. */
static double measure_call_ns(void (*function)(void))
{
	double batches[BATCHES];

	for (int i = 0; i < BATCHES; i++) {
		double start = thread_cpu_ns();

		for (int hit = 0; hit < BATCH_HITS; hit++)
			function();
		batches[i] = (thread_cpu_ns() - start) / BATCH_HITS;
	}
	qsort(batches, BATCHES, sizeof(*batches), compare_doubles);
	return batches[BATCHES / 2];
}

/* Attaches to @function of ours, measures and detaches. */
static int measure_hit(struct selftest_bpf *skeleton, const struct features *features,
		       void (*function)(void), double *ns)
{
	const char *path = "/proc/self/exe";
	double bare_ns = measure_call_ns(function);
	struct bpf_link *link = NULL;
	uint64_t offset;
	int fd = -1;

	if (!own_code__find_offset((const void *)function, &offset))
		return -ENOENT;
	if (features->uprobe_multi)
		fd = bpf_compat__link_uprobe_multi(bpf_program__fd(skeleton->progs.emit_hit), path,
						   &offset, NULL, 1, getpid());
	else
		link = bpf_program__attach_uprobe(skeleton->progs.emit_hit, false, getpid(), path,
						  offset);
	if (fd < 0 && !link)
		return features->uprobe_multi ? fd : -errno;
	*ns = measure_call_ns(function) - bare_ns;
	closep(&fd);
	bpf_link__destroy(link);
	return 0;
}

int hit_cost__measure(struct hit_cost *out, const struct features *features)
{
	_cleanup_(destroy_selftest) struct selftest_bpf *skeleton = selftest_bpf__open();
	struct hit_cost cost;
	int err;

	if (!skeleton)
		return -errno;
	if (features->uprobe_multi)
		bpf_program__set_expected_attach_type(
			skeleton->progs.emit_hit, (enum bpf_attach_type)ATTACH_TYPE_UPROBE_MULTI);
	err = selftest_bpf__load(skeleton);
	if (!err)
		err = measure_hit(skeleton, features, pyfrag_emulated_instruction,
				  &cost.emulated_ns);
	if (!err)
		err = measure_hit(skeleton, features, pyfrag_stepped_instruction, &cost.stepped_ns);
	if (err)
		return err;
	*out = cost;
	return 0;
}
