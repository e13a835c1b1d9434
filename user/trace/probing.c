// SPDX-License-Identifier: BSD-2-Clause
#include "trace/probing.h"

#include <errno.h>
#include <string.h>

#include "probes/features.h"
#include "probes/site_memo.h"
#include "util/cleanup.h"

int probing__start(struct tracer **out, pid_t pid, const struct module *module,
		   const struct tracer_options *options, bool use_cache, struct failure *failure)
{
	_cleanup_(site_set__free) struct site_set sites = {};
	struct features features;
	int err = features__detect(&features);

	if (err == -EPERM)
		return failure__set(failure, err,
				    "cannot load BPF programs: not permitted; run as root, or with "
				    "CAP_BPF and CAP_PERFMON (see: pyfrag doctor)");
	if (err)
		return failure__set(failure, err,
				    "cannot load BPF programs: %s (see: pyfrag doctor)",
				    strerror(-err));
	err = site_memo__find(&sites, module->fd, options->code_bytes_max, use_cache, NULL);
	if (err)
		return failure__set(failure, err, "cannot scan %s: %s", module->path,
				    strerror(-err));
	return tracer__attach(out, pid, module, &sites, &features, options, failure);
}
