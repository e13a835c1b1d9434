/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The labels of a series of metrics. They name the program that processes run, not the processes,
 * so that series survive restarts.
 */
#pragma once

#include "host/watched.h"
#include "output/open_metrics.h"

#define SERIES_LABEL_CNT 4

/* The texts are owned by the struct watched, or static. */
struct series_key {
	const char *values[SERIES_LABEL_CNT]; /* app, user, unit, python */
};

struct series_key series_key__of(const struct watched *watched);

/* Compares label by label, like strcmp(). */
int series_key__compare(const struct series_key *left, const struct series_key *right);

/* Fills in SERIES_LABEL_CNT labels. */
void series_key__label(const struct series_key *key, struct metric_label *labels);
