// SPDX-License-Identifier: BSD-2-Clause
#include "host/site_metrics.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "host/series.h"
#include "util/array.h"
#include "util/cleanup.h"

/* An allocation site in the processes of a program. */
struct site_series {
	struct series_key key;
	const char *site;
	double hostage_bytes, pools;
};

struct site_list {
	struct site_series *items;
	size_t cnt, capacity;
};

static void site_list__release(struct site_list *list)
{
	free(list->items);
}

static int compare(const void *left, const void *right)
{
	const struct site_series *a = left, *b = right;
	int order = series_key__compare(&a->key, &b->key);

	return order ? order : strcmp(a->site, b->site);
}

static int add(struct site_list *list, const struct watched *watched)
{
	const struct pin_summary *pins = &watched->last.pins;

	if (ARRAY_RESERVE(list->items, list->capacity, list->cnt + PIN_SUMMARY_MAX))
		return -ENOMEM;
	for (size_t i = 0; i < pins->site_cnt; i++)
		list->items[list->cnt++] =
			(struct site_series){.key = series_key__of(watched),
					     .site = pins->sites[i].name,
					     .hostage_bytes = pins->sites[i].hostage_bytes,
					     .pools = pins->sites[i].pools};
	return 0;
}

/* Merges the same site of several processes into one series. */
static void merge(struct site_list *list)
{
	size_t kept = 0;

	if (!list->cnt)
		return;
	qsort(list->items, list->cnt, sizeof(*list->items), compare);
	for (size_t i = 1; i < list->cnt; i++) {
		struct site_series *last = &list->items[kept], *next = &list->items[i];

		if (compare(last, next) != 0) {
			list->items[++kept] = *next;
			continue;
		}
		last->hostage_bytes += next->hostage_bytes;
		last->pools += next->pools;
	}
	list->cnt = kept + 1;
}

static void write_family(const struct site_list *list, const struct metric_family *family,
			 size_t offset, bool open_metrics, FILE *out)
{
	open_metrics__begin(out, family, open_metrics);
	for (size_t i = 0; i < list->cnt; i++) {
		const struct site_series *series = &list->items[i];
		struct metric_label labels[SERIES_LABEL_CNT + 1];

		series_key__label(&series->key, labels);
		labels[SERIES_LABEL_CNT] = (struct metric_label){"site", series->site};
		open_metrics__sample(out, family, labels, SERIES_LABEL_CNT + 1,
				     *(const double *)((const char *)series + offset));
	}
}

int site_metrics__write(const struct host *host, bool open_metrics, FILE *out)
{
	static const struct metric_family
		hostage = {"pyfrag_site_hostage_bytes", "bytes",
			   "Hostage bytes of pinned arenas, by the site that took their pools.",
			   false},
		pools = {"pyfrag_site_pools", NULL,
			 "Pools taken at this allocation site and still in use.", false};
	_cleanup_(site_list__release) struct site_list list = {};
	struct watched *const *watched;
	size_t cnt = host__watched(host, &watched);
	int err = 0;

	for (size_t i = 0; i < cnt && !err; i++)
		err = add(&list, watched[i]);
	if (err)
		return err;
	merge(&list);
	write_family(&list, &hostage, offsetof(struct site_series, hostage_bytes), open_metrics,
		     out);
	write_family(&list, &pools, offsetof(struct site_series, pools), open_metrics, out);
	return 0;
}
