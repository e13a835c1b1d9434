/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spans that a reading left out (CLASS_UNREAD), because a page of them is swapped out, or because
 * the table that lists their region could not be read. Which of their blocks are live is not known,
 * except for what events have said since.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "heap/heap.h"

/* Whether the span around @address was not read. */
bool unread_spans__contain(const struct heap *heap, uint64_t address);

/* Makes all spans of @region unread. Returns 0, -ENOMEM or -EDQUOT. */
int unread_spans__add_region(struct heap *heap, const struct region *region);

/*
 * Fills in what was not read of @fresh from @known, which is up to date: an image that events have
 * kept current since its spans were read, or since their regions were mapped. Returns 0, -ENOMEM or
 * -EDQUOT.
 */
int unread_spans__carry(struct heap *fresh, const struct heap *known);
