/* SPDX-License-Identifier: BSD-2-Clause */
/* What to trace, how, and where reports and alerts go. */
#pragma once

#include <sys/types.h>

#include "alerts/alerting.h"
#include "output/report_output.h"
#include "snapshot/snapshot_options.h"
#include "trace/trace_options.h"

/* All of it must outlive the trace. */
struct trace_setup {
	pid_t pid;	/* 0: start the command and trace it from its first allocation */
	char **command; /* NULL-terminated */
	const struct trace_options *trace;
	const struct snapshot_options *snapshot;
	struct report_output *output;
	struct alerting *alerting;
};
