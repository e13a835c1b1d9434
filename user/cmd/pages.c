// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/pages.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host_json.h"
#include "util/clock.h"

/* So often what pyfrag itself takes is told anew, even if nothing else is new. */
#define REWRITE_NS (5 * 1000000000UL)

void pages__release(struct pages *pages)
{
	for (int i = 0; i < PAGE_CNT; i++)
		free(pages->pages[i].text);
	pthread_mutex_destroy(&pages->lock);
}

static void set_page(struct pages *pages, enum page_kind kind, struct page page)
{
	char *old;

	pthread_mutex_lock(&pages->lock);
	old = pages->pages[kind].text;
	pages->pages[kind] = page;
	pthread_mutex_unlock(&pages->lock);
	free(old);
}

static int write_metrics(struct pages *pages, const struct host *host,
			 const struct host_metrics_extra *extra, bool open_metrics)
{
	struct page page = {};
	FILE *out = open_memstream(&page.text, &page.size);
	int err = out ? host_metrics__write(host, extra, open_metrics, out) : -ENOMEM;

	if (out && fclose(out))
		err = -ENOMEM;
	if (err) {
		free(page.text);
		return err;
	}
	set_page(pages, open_metrics ? PAGE_METRICS_OPEN : PAGE_METRICS_PLAIN, page);
	return 0;
}

static int write_processes(struct pages *pages, const struct host *host)
{
	struct page page = {.text = host_json__write(host)};

	if (!page.text)
		return -ENOMEM;
	page.size = strlen(page.text);
	set_page(pages, PAGE_PROCESSES, page);
	return 0;
}

static bool is_new(const struct pages *pages, const struct host_counts *counts,
		   const struct host_metrics_extra *extra, uint64_t now_ns)
{
	return !pages->written_ns || now_ns - pages->written_ns >= REWRITE_NS ||
	       memcmp(counts, &pages->counts, sizeof(*counts)) != 0 ||
	       extra->alerts_firing != pages->alerts_firing ||
	       extra->alerts_fired != pages->alerts_fired;
}

int pages__update(struct pages *pages, const struct host *host,
		  const struct host_metrics_extra *extra)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	int err;

	if (!is_new(pages, host__counts(host), extra, now_ns))
		return 0;
	err = write_metrics(pages, host, extra, false);
	if (!err)
		err = write_metrics(pages, host, extra, true);
	if (!err)
		err = write_processes(pages, host);
	if (err)
		return err;
	pages->counts = *host__counts(host);
	pages->alerts_firing = extra->alerts_firing;
	pages->alerts_fired = extra->alerts_fired;
	pages->written_ns = now_ns;
	return 0;
}

char *pages__copy(struct pages *pages, enum page_kind kind, size_t *size)
{
	const struct page *page = &pages->pages[kind];
	char *copy;

	pthread_mutex_lock(&pages->lock);
	copy = page->text ? malloc(page->size) : NULL;
	if (copy) {
		memcpy(copy, page->text, page->size);
		*size = page->size;
	}
	pthread_mutex_unlock(&pages->lock);
	return copy;
}
