/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that finds Python processes and reads their heaps. Only its parent, the server,
 * communicates with it, by messages: the reader sends pages to serve, alerts, and reports on
 * request. It reads data that others control, so it is the process most likely to be compromised.
 * An attacker who controls it can read what it can read and send false data to the server.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/host.h"
#include "util/pace.h"
#include "util/text_list.h"

/* Configuration that a reload can change. */
struct reader_config {
	const struct text_list *rules; /* for alerts; see alert_rule__parse() */
	struct pace pace;	       /* its budget is a share of one core */
};

/* Returns 0, or -EINVAL after logging the reason. */
typedef int reader_apply_fn(void *reader, const struct reader_config *config);

struct reader_options {
	struct host_options host;
	struct reader_config config;
	bool hides_cmdlines;
	int broker_fd, namer_fd;
	/*
	 * Reads the configuration again, and calls @apply if it is valid. Returns 0 or negative
	 * errno.
	 */
	int (*reload)(const void *context, reader_apply_fn *apply, void *reader);
	const void *context;
};

/* Result in a MESSAGE_REPORT. */
enum report_result {
	REPORT_OK, /* followed by the text */
	REPORT_NO_SUCH,
	REPORT_TOO_LARGE,
	REPORT_NO_MEMORY,
	REPORT_RESULT_CNT,
};

#define REPORT_BYTES_MAX (16UL << 20)
#define REASON_BYTES_MAX 1024
/* Maximum number of processes in a MESSAGE_SERVED. */
#define PARTS_MAX 8

/* The run function of its struct part_options. @context is a struct reader_options. */
int reader__run(int fd, const void *context);
