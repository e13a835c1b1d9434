/* SPDX-License-Identifier: BSD-2-Clause */
/* A few texts, such as the values of an option that can be repeated. */
#pragma once

#include <stdint.h>

#define TEXT_LIST_MAX 32

struct text_list {
	const char *texts[TEXT_LIST_MAX]; /* not owned */
	uint32_t cnt;
};
