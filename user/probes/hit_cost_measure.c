// SPDX-License-Identifier: BSD-2-Clause
#include "probes/hit_cost_measure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes/arch/arch.h"
#include "probes/loader.h"
#include "probes/own_code.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define BATCHES	   5
#define BATCH_HITS 400

/* Nothing reads the ring: it has room for all events of the measurement. */
#define RING_BYTES (1UL << 19)

static int compare_doubles(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

/* The median of several batches, which excludes other things that happened to the thread. */
static double measure_call_ns(void (*function)(void))
{
	double batches[BATCHES];

	for (int i = 0; i < BATCHES; i++) {
		uint64_t start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);

		for (int hit = 0; hit < BATCH_HITS; hit++)
			function();
		batches[i] = (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns) / BATCH_HITS;
	}
	qsort(batches, BATCHES, sizeof(*batches), compare_doubles);
	return batches[BATCHES / 2];
}

/* A site in our own code, which claims to free the block whose address is in a register. */
static struct site own_site(void (*function)(void), bool emulated, uint64_t offset)
{
	return (struct site){
		.address = (uint64_t)(uintptr_t)function,
		.offset = offset,
		.emulated = emulated,
		.probe = {.type = EVENT_FREE, .compared = {PYFRAG_NO_REGISTER, PYFRAG_NO_REGISTER}},
	};
}

static int attach(struct probe_set *probes, enum probe_group group, void (*function)(void),
		  bool emulated, int fd)
{
	struct failure failure;
	struct site_set sites;
	uint64_t offset, unusable = 0;
	size_t attached = 0;
	struct site site;

	if (!own_code__find_offset((const void *)function, &offset))
		return -ENOENT;
	site = own_site(function, emulated, offset);
	sites = (struct site_set){.items = &site, .cnt = 1};
	return probe_set__attach_sites(probes, group, &sites, 1U << EVENT_FREE, fd, 0, &attached,
				       &unusable, &failure);
}

static int describe(int err, struct failure *failure)
{
	if (err == -EACCES)
		return failure__set(
			failure, err,
			"cannot probe: this kernel permits uprobes in perf events only with "
			"CAP_SYS_ADMIN, or has kernel.perf_event_paranoid > 2 (see: pyfrag "
			"doctor)");
	return failure__set(failure, err,
			    "cannot measure the cost of a probe hit: %s (see: pyfrag doctor)",
			    strerror(-err));
}

int hit_cost__measure(struct hit_cost *out, const struct features *features,
		      struct failure *failure)
{
	const struct probe_options options = {.pid = getpid(),
					      .has_budget = true,
					      .ring_bytes = RING_BYTES,
					      .site_cnt = 2};
	_cleanup_(probe_set__freep) struct probe_set *probes = NULL;
	_cleanup_close_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	const struct arch *arch = arch__own();
	double bare_emulated_ns, bare_stepped_ns;
	int err;

	if (fd < 0)
		return describe(-errno, failure);
	if (!arch)
		return describe(-ENOTSUP, failure);
	bare_emulated_ns = measure_call_ns(arch->emulated_function);
	bare_stepped_ns = measure_call_ns(arch->stepped_function);
	err = probe_set__new(&probes, &options, features, failure);
	if (err)
		return err;
	err = attach(probes, PROBES_LASTING, arch->emulated_function, true, fd);
	if (!err)
		err = attach(probes, PROBES_GROWTH, arch->stepped_function, false, fd);
	if (err)
		return describe(err, failure);
	out->emulated_ns = measure_call_ns(arch->emulated_function) - bare_emulated_ns;
	out->stepped_ns = measure_call_ns(arch->stepped_function) - bare_stepped_ns;
	return 0;
}
