/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON values that several parts of a report use. Functions return new references, or NULL when out
 * of memory.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "stacks/stack_table.h"

/* Text from any source, made safe by text__to_safe_utf8(); null for NULL. */
json_t *json_values__text(const char *text);

/*
 * json_array_append_new(), but a failure sticks: *array is NULL then, and remains so in later
 * calls.
 */
void json_values__append(json_t **array, json_t *item);

/*
 * A number that a process may have set to anything. JSON readers expect at most 64 bits with a
 * sign, so larger ones are INT64_MAX.
 */
json_t *json_values__number(uint64_t number);

/* An address in the format of reports: "0x7f0123456780". */
json_t *json_values__address(uint64_t address);

/*
 * json_object_set_new(), but a failure sticks: *object is NULL then, and remains so in later calls.
 */
void json_values__set(json_t **object, const char *key, json_t *value);

/* The id of a site, or null for STACK_UNKNOWN. */
json_t *json_values__site_id(uint32_t site);
