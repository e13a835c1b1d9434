/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that finds Pythons and reads their heaps. Nobody but its parent talks to it, and what
 * it finds goes there as messages: pages to be served, alerts, a report that was asked for. What it
 * reads is written by others, so it is the one that may be taken over; then it can read whatever it
 * can read now, and tell its parent lies.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/host.h"
#include "util/pace.h"
#include "util/text_list.h"

/* What may change while it runs. */
struct reader_config {
	const struct text_list *rules; /* for alerts; see alert_rule__parse() */
	struct pace pace;	       /* its budget is a share of one core */
};

/* Returns 0, or -EINVAL after it has said why on stderr. */
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

/* Of MESSAGE_REPORT. */
enum report_result {
	REPORT_OK, /* and the text follows */
	REPORT_NO_SUCH,
	REPORT_TOO_LARGE,
	REPORT_NO_MEMORY,
	REPORT_RESULT_CNT,
};

#define REPORT_BYTES_MAX (16UL << 20)
#define REASON_BYTES_MAX 1024
/* Of MESSAGE_SERVED. */
#define PARTS_MAX 8

/* What it does; a struct part_options' run. Its context are those options. */
int reader__run(int fd, const void *context);
