// SPDX-License-Identifier: BSD-2-Clause
#include "output/json_values.h"

#include <inttypes.h>
#include <stdlib.h>

#include "util/cleanup.h"
#include "util/text.h"

json_t *json_values__text(const char *text)
{
	_cleanup_free_ char *utf8 = NULL;

	if (!text)
		return json_null();
	utf8 = text__to_safe_utf8(text);
	return utf8 ? json_string(utf8) : NULL;
}

void json_values__append(json_t **array, json_t *item)
{
	if (*array && json_array_append_new(*array, item)) {
		json_decref(*array);
		*array = NULL;
	} else if (!*array) {
		json_decref(item);
	}
}

json_t *json_values__number(uint64_t number)
{
	return json_integer(number < INT64_MAX ? (json_int_t)number : INT64_MAX);
}

json_t *json_values__address(uint64_t address)
{
	return json_sprintf("0x%" PRIx64, address);
}

void json_values__set(json_t **object, const char *key, json_t *value)
{
	if (!json_object_set_new(*object, key, value))
		return;
	json_decref(*object);
	*object = NULL;
}

json_t *json_values__site_id(uint32_t site)
{
	return site == STACK_UNKNOWN ? json_null() : json_integer(site);
}
