/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <jansson.h>

#include "analysis/object_report.h"

/* Everything about one object, as JSON. */
json_t *json_object__report(const struct census *census, const struct object_report *report);
