// SPDX-License-Identifier: BSD-2-Clause
#include "host/heap_series.h"

#include <math.h>
#include <stdlib.h>

static int compare_keys(const void *left, const void *right)
{
	return series_key__compare(&((const struct heap_series *)left)->key,
				   &((const struct heap_series *)right)->key);
}

static int compare_numbers(double a, double b)
{
	return (a > b) - (a < b);
}

/* Sorts by size, largest first. */
static int compare_sizes(const void *left, const void *right)
{
	const struct heap_sums *a = &((const struct heap_series *)left)->sums,
			       *b = &((const struct heap_series *)right)->sums;
	int order = compare_numbers(b->hostage_bytes, a->hostage_bytes);

	if (!order)
		order = compare_numbers(b->arena_bytes, a->arena_bytes);
	return order ? order : compare_keys(left, right);
}

static void add(struct heap_series *to, const struct heap_series *from)
{
	double *sums = (double *)&to->sums;

	for (size_t i = 0; i < sizeof(to->sums) / sizeof(double); i++)
		sums[i] += ((const double *)&from->sums)[i];
	to->age_s = fmax(to->age_s, from->age_s);
	to->memory_age_s = fmax(to->memory_age_s, from->memory_age_s);
}

static size_t merge_same(struct heap_series *series, size_t cnt)
{
	size_t kept = 0;

	qsort(series, cnt, sizeof(*series), compare_keys);
	for (size_t i = 1; i < cnt; i++)
		if (compare_keys(&series[kept], &series[i]) != 0)
			series[++kept] = series[i];
		else
			add(&series[kept], &series[i]);
	return kept + 1;
}

size_t heap_series__merge(struct heap_series *series, size_t cnt, size_t max)
{
	if (!cnt)
		return 0;
	cnt = merge_same(series, cnt);
	if (cnt <= max)
		return cnt;
	qsort(series, cnt, sizeof(*series), compare_sizes);
	for (size_t i = max; i < cnt; i++)
		add(&series[max - 1], &series[i]);
	series[max - 1].key = (struct series_key){{"(others)", "", "", ""}};
	qsort(series, max - 1, sizeof(*series), compare_keys);
	return max;
}
