/* SPDX-License-Identifier: BSD-2-Clause */
/* Allocation sites as JSON. */
#pragma once

#include "analysis/site_ranking.h"
#include "output/json_stream.h"

/* Writes a whole ranking, as "sites"; null if @ranking is NULL. */
void json_sites__write(struct json_stream *stream, const struct site_ranking *ranking);
