// SPDX-License-Identifier: BSD-2-Clause
#include "probes/values.h"

#include <string.h>

void values__reset(struct values *values)
{
	memset(values->registers, 0, sizeof(values->registers));
	values->value_cnt = 1; /* 0 is "unknown" */
	values->place_cnt = 0;
	values->flags = 0;
	values->compare.op = INSN_OTHER;
}

static value_id add_value(struct values *values, struct value value)
{
	if (values->value_cnt == VALUES_MAX) {
		values__reset(values);
		values->overflow_cnt++;
	}
	values->values[values->value_cnt] = value;
	return (value_id)values->value_cnt++;
}

value_id values__of_register(struct values *values, uint8_t reg)
{
	if (reg > INSN_SCRATCH)
		return 0;
	if (!values->registers[reg])
		values->registers[reg] = add_value(values, (struct value){.kind = VALUE_OPAQUE});
	return values->registers[reg];
}

void values__name_registers(struct values *values)
{
	for (uint8_t reg = 0; reg < INSN_REGISTERS; reg++)
		values__of_register(values, reg);
}

const struct value *values__get(const struct values *values, value_id id)
{
	static const struct value unknown = {.kind = VALUE_OPAQUE};

	return id && id < values->value_cnt ? &values->values[id] : &unknown;
}

struct address values__as_address(const struct values *values, value_id id)
{
	struct address address = {.root = id};
	const struct value *value = values__get(values, id);

	while (value->kind == VALUE_SUM && value->width == 8 && value->of) {
		address.offset += value->amount;
		address.root = value->of;
		value = values__get(values, value->of);
	}
	return address;
}

struct address values__memory_of(struct values *values, const struct insn *insn)
{
	value_id base;

	if (!insn->has_memory || !insn->memory.plain || insn->memory.base == INSN_NO_REGISTER)
		return (struct address){};
	base = values__of_register(values, insn->memory.base);
	return address__plus(values__as_address(values, base), insn->memory.displacement);
}

const struct place *values__place(const struct values *values, uint32_t index)
{
	if (index >= values->place_cnt || index >= PLACES_MAX)
		return NULL;
	return &values->places[(values->place_cnt - 1 - index) % PLACES_MAX];
}

static const struct place *find_place(const struct values *values, struct address address,
				      uint8_t width)
{
	const struct place *place;

	for (uint32_t i = 0; (place = values__place(values, i)); i++)
		if (place->width == width && address__equals(place->address, address))
			return place;
	return NULL;
}

static void add_place(struct values *values, struct place place)
{
	values->places[values->place_cnt++ % PLACES_MAX] = place;
}

value_id values__at(const struct values *values, struct address address)
{
	const struct place *place = find_place(values, address, 8);

	return place ? place->value : 0;
}

bool values__is_at(const struct values *values, value_id id, struct address address, uint8_t width)
{
	const struct place *place = find_place(values, address, width);

	return id && place && place->value == id;
}

bool values__has_stored(const struct values *values, struct address address)
{
	const struct place *place;

	for (uint32_t i = 0; (place = values__place(values, i)); i++)
		if (place->stored && place->address.root == address.root &&
		    place->address.offset <= address.offset &&
		    address.offset + 8 <= place->address.offset + place->width)
			return true;
	return false;
}

bool values__is_load(const struct values *values, value_id id, uint8_t width,
		     struct address *address)
{
	const struct value *value = values__get(values, id);

	if (value->kind != VALUE_LOADED || value->width != width)
		return false;
	*address = (struct address){.root = value->of, .offset = value->amount};
	return true;
}

bool values__find_register(const struct values *values, struct address address, uint8_t *reg,
			   int64_t *displacement)
{
	bool found = false;

	for (uint8_t i = 0; address.root && i < INSN_REGISTERS; i++) {
		struct address held = values__as_address(values, values->registers[i]);

		if (held.root != address.root || (found && held.offset != address.offset))
			continue;
		*reg = i;
		*displacement = address.offset - held.offset;
		found = true;
		if (!*displacement)
			break;
	}
	return found;
}

bool values__find_place(const struct values *values, struct address address, uint8_t *reg,
			int64_t *displacement)
{
	const struct place *place;

	for (uint32_t i = 0; (place = values__place(values, i)); i++)
		if (place->width == 8 &&
		    address__equals(values__as_address(values, place->value), address) &&
		    find_place(values, place->address, 8) == place &&
		    values__find_register(values, place->address, reg, displacement))
			return true;
	return false;
}

value_id values__strip_low(const struct values *values, value_id id)
{
	while (values__get(values, id)->kind == VALUE_LOW)
		id = values__get(values, id)->of;
	return id;
}

/* The result of a plain load: the value last stored or seen there, else a new one from there. */
static value_id load(struct values *values, const struct insn *insn)
{
	struct address address = values__memory_of(values, insn);
	const struct place *place;
	value_id loaded;

	if (!address.root)
		return add_value(values, (struct value){.kind = VALUE_OPAQUE});
	place = find_place(values, address, insn->width);
	if (place && place->value)
		return place->value;
	loaded = add_value(values, (struct value){.kind = VALUE_LOADED,
						  .width = insn->width,
						  .of = address.root,
						  .amount = address.offset});
	add_place(values,
		  (struct place){.address = address, .width = insn->width, .value = loaded});
	return loaded;
}

static void store(struct values *values, const struct insn *insn, value_id value)
{
	struct address address = values__memory_of(values, insn);

	if (address.root)
		add_place(values, (struct place){.address = address,
						 .width = insn->width,
						 .stored = true,
						 .value = value});
}

static value_id derive(struct values *values, const struct insn *insn, enum value_kind kind)
{
	return add_value(values, (struct value){.kind = (uint8_t)kind,
						.width = insn->width,
						.of = values__of_register(values, insn->source),
						.amount = insn->immediate});
}

static value_id add_constant(struct values *values, const struct insn *insn)
{
	return add_value(values, (struct value){.kind = VALUE_CONSTANT,
						.width = insn->width,
						.amount = insn->immediate});
}

/* The value that @insn leaves in its destination; 0 if it is unknown. */
static value_id result_of(struct values *values, const struct insn *insn)
{
	switch (insn->op) {
	case INSN_MOVE:
		return insn->width == 8 ? values__of_register(values, insn->source)
					: derive(values, insn, VALUE_LOW);
	case INSN_SET:
		return add_constant(values, insn);
	case INSN_ADD:
		return derive(values, insn, VALUE_SUM);
	case INSN_MASK:
		return derive(values, insn, VALUE_MASKED);
	case INSN_LOAD:
		return load(values, insn);
	default:
		return 0;
	}
}

static void note_flags(struct values *values, const struct insn *insn, value_id result)
{
	switch (insn->op) {
	case INSN_TEST_MASK:
		values->flags = derive(values, insn, VALUE_MASKED);
		break;
	case INSN_COMPARE:
		values->compare = *insn;
		values->compared[0] = values__of_register(values, insn->source);
		values->compared[1] = values__of_register(values, insn->other);
		values->flags = insn->source == insn->other ? values->compared[0] : 0;
		break;
	default:
		if (insn->flags != INSN_FLAGS_KEPT)
			values->flags = insn->flags == INSN_FLAGS_RESULT ? result : 0;
		break;
	}
}

void values__step(struct values *values, const struct insn *insn)
{
	value_id result;

	if (insn->op == INSN_UNDECODED || insn->op == INSN_RETURN || insn->op == INSN_JUMP) {
		values__reset(values);
		return;
	}
	result = result_of(values, insn);
	if (insn->op == INSN_STORE)
		store(values, insn, values__of_register(values, insn->source));
	note_flags(values, insn, result);
	for (uint8_t reg = 0; reg < INSN_REGISTERS; reg++)
		if (insn->clobbered & 1U << reg)
			values->registers[reg] = 0;
	if (insn->op == INSN_CALL)
		values->place_cnt = 0;
	if (insn->destination != INSN_NO_REGISTER)
		values->registers[insn->destination] = result;
}
