// SPDX-License-Identifier: BSD-2-Clause
#include "model_steps.h"

#include "unit_test.h"

struct model *make_model(const struct geometry *geometry, bool follows_blocks)
{
	const struct heap_layout layout = pymalloc_layout__of(geometry);
	struct model *model;

	assert_int_equal(model__new(&model, &layout, follows_blocks, NULL), 0);
	return model;
}

void tell(struct model *model, enum pyfrag_event_type type, uint64_t address)
{
	struct pyfrag_event event = {.type = (uint8_t)type, .address = address};

	assert_int_equal(model__apply(model, &event), 0);
}

void tell_new_pool(struct model *model, uint64_t block, uint8_t size_class)
{
	struct pyfrag_event event = {.type = EVENT_NEW_POOL,
				     .size_class = size_class,
				     .address = block};

	assert_int_equal(model__apply(model, &event), 0);
}

bool has_block(const struct model *model, uint64_t address)
{
	return block_map__contains(model->heap->blocks, address);
}
