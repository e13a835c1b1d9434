// SPDX-License-Identifier: BSD-2-Clause
#include "agent/pages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host_json.h"
#include "util/cleanup.h"
#include "util/clock.h"

/*
 * Pages are rewritten this often even if nothing has changed, to update pyfrag's own CPU time and
 * memory.
 */
#define REWRITE_NS (5 * 1000000000UL)

bool pages__are_old(const struct pages *pages, const struct host *host,
		    const struct host_metrics_extra *extra)
{
	return !pages->written_ns || clock_ns(CLOCK_MONOTONIC) - pages->written_ns >= REWRITE_NS ||
	       memcmp(host__counts(host), &pages->counts, sizeof(pages->counts)) != 0 ||
	       extra->alerts_firing != pages->extra.alerts_firing ||
	       extra->alerts_fired != pages->extra.alerts_fired;
}

void pages__note(struct pages *pages, const struct host *host,
		 const struct host_metrics_extra *extra)
{
	pages->counts = *host__counts(host);
	pages->extra = *extra;
	pages->written_ns = clock_ns(CLOCK_MONOTONIC);
}

static int write_metrics(struct page *out, bool open_metrics, const struct host *host,
			 const struct host_metrics_extra *extra)
{
	struct page page = {};
	FILE *stream = open_memstream(&page.text, &page.size);
	int err = stream ? host_metrics__write(host, extra, open_metrics, stream) : -ENOMEM;

	if (stream && fclose(stream))
		err = -ENOMEM;
	if (err) {
		free(page.text);
		return err;
	}
	*out = page;
	return 0;
}

int page__write(struct page *out, enum page_kind kind, const struct host *host,
		const struct host_metrics_extra *extra)
{
	char *text;

	if (kind != PAGE_PROCESSES)
		return write_metrics(out, kind == PAGE_METRICS_OPEN, host, extra);
	text = host_json__write(host);
	if (!text)
		return -ENOMEM;
	*out = (struct page){.text = text, .size = strlen(text)};
	return 0;
}
