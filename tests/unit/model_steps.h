/* SPDX-License-Identifier: BSD-2-Clause */
/* Steps for tests of a model: events that are applied one after another. */
#pragma once

#include "heap/model.h"
#include "pymalloc/pymalloc_layout.h"

/* The caller frees the model. */
struct model *make_model(const struct geometry *geometry, bool follows_blocks);

void tell(struct model *model, enum pyfrag_event_type type, uint64_t address);

/* @block: the first block of the pool, which is allocated. */
void tell_new_pool(struct model *model, uint64_t block, uint8_t size_class);

bool has_block(const struct model *model, uint64_t address);
