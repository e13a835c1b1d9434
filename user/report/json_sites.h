/* SPDX-License-Identifier: BSD-2-Clause */
/* Allocation sites, as JSON. */
#pragma once

#include "report/json_stream.h"
#include "report/site_ranking.h"

/* All of a ranking, as "sites"; null for NULL. */
void json_sites__write(struct json_stream *stream, const struct site_ranking *ranking);
