// SPDX-License-Identifier: BSD-2-Clause
#include "host/series.h"

#include <string.h>

static const char *const names[SERIES_LABEL_CNT] = {"app", "user", "unit", "python"};

struct series_key series_key__of(const struct watched *watched)
{
	return (struct series_key){{watched->identity.app, watched->identity.user,
				    watched->identity.unit, watched->source->python->version}};
}

int series_key__compare(const struct series_key *left, const struct series_key *right)
{
	int order = 0;

	for (int i = 0; i < SERIES_LABEL_CNT && !order; i++)
		order = strcmp(left->values[i], right->values[i]);
	return order;
}

void series_key__label(const struct series_key *key, struct metric_label *labels)
{
	for (int i = 0; i < SERIES_LABEL_CNT; i++)
		labels[i] = (struct metric_label){names[i], key->values[i]};
}
