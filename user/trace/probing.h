/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a Python's file to a tracer: what the kernel can do, where the sites are, and the probes in
 * them.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "probes/tracer.h"
#include "target/module.h"
#include "util/failure.h"

/*
 * Scans @module, which process @pid has mapped, and probes it as tracer__attach(). @use_cache: what
 * was found in it before may be believed. Errors are described; the caller frees.
 */
int probing__start(struct tracer **out, pid_t pid, const struct module *module,
		   const struct tracer_options *options, bool use_cache, struct failure *failure);
