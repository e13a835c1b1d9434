/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values of JSON that several parts of a report are made of. All are new references, or NULL when
 * out of memory.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "stacks/stack_table.h"

/* Text of any origin, as text__to_safe_utf8(); null for NULL. */
json_t *json_values__text(const char *text);

/*
 * json_array_append_new() that keeps an earlier failure: *array is NULL then, and after this one.
 */
void json_values__append(json_t **array, json_t *item);

/* An address, as reports have them: "0x7f0123456780". */
json_t *json_values__address(uint64_t address);

/* json_object_set_new() that keeps an earlier failure: *object is NULL then, and after this one. */
void json_values__set(json_t **object, const char *key, json_t *value);

/* A site's id, or null for STACK_UNKNOWN. */
json_t *json_values__site_id(uint32_t site);
