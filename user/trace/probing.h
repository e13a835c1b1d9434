/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a Python's file to a tracer: detects the kernel's features, finds the probe sites and
 * attaches to them.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "probes/tracer.h"
#include "target/module.h"
#include "util/failure.h"

/*
 * Scans @module, which process @pid has mapped, and attaches probes as tracer__attach() does.
 * @use_cache: use cached results of an earlier scan. Errors are described; the caller frees *out.
 */
int probing__start(struct tracer **out, pid_t pid, const struct module *module,
		   const struct tracer_options *options, bool use_cache, struct failure *failure);
