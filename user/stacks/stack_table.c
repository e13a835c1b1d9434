// SPDX-License-Identifier: BSD-2-Clause
#include "stacks/stack_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/account.h"
#include "util/cleanup.h"
#include "util/hash.h"
#include "util/hash_map.h"
#include "util/id_table.h"
#include "util/string_table.h"

struct kept_stack {
	size_t first; /* in frames */
	uint32_t frame_cnt;
	bool truncated;
};

/*
 * A stack as it was sent. Several may become the same kept stack, because a line can have many
 * instructions.
 */
struct sent_stack {
	uint64_t number; /* 0: forgotten */
	size_t first;	 /* in sent_frames, which only contains frames that are shown */
	uint32_t stack;
};

/* The kept stack for the number of a sent stack. */
struct numbered_stack {
	uint64_t number;
	uint32_t stack;
};

struct stack_table {
	const struct memory *memory;
	struct code_cache *codes;
	struct string_table strings;
	struct stack_frame *frames;
	size_t frame_cnt, frame_capacity;
	struct kept_stack *stacks;
	size_t stack_cnt, stack_capacity;
	struct id_table stack_ids;
	struct pyfrag_frame *sent_frames;
	size_t sent_frame_cnt, sent_frame_capacity;
	struct sent_stack *sent;
	size_t sent_cnt, sent_capacity;
	struct hash_map by_number; /* of struct numbered_stack */
	size_t used_bytes, bytes_max;
	struct stack_table_counts counts;
};

#define RESERVE(table, items, capacity, cnt)                                                       \
	ACCOUNT_RESERVE((table)->memory->account, items, capacity, cnt)

int stack_table__new(struct stack_table **out, const struct py_offsets *offsets,
		     const struct memory *memory, size_t bytes_max)
{
	_cleanup_(stack_table__freep) struct stack_table *table = calloc(1, sizeof(*table));
	int err;

	if (!table)
		return -ENOMEM;
	table->memory = memory;
	table->bytes_max = bytes_max / 2;
	table->strings.ids.map.account = memory->account;
	table->stack_ids.map.account = memory->account;
	table->by_number = (struct hash_map){.entry_bytes = sizeof(struct numbered_stack),
					     .account = memory->account};
	err = code_cache__new(&table->codes, offsets, memory->account, bytes_max / 2);
	if (err)
		return err;
	*out = TAKE_PTR(table);
	return 0;
}

void stack_table__free(struct stack_table *table)
{
	if (!table)
		return;
	string_table__release(&table->strings);
	account__free(table->frames);
	account__free(table->stacks);
	id_table__release(&table->stack_ids);
	account__free(table->sent_frames);
	account__free(table->sent);
	hash_map__release(&table->by_number);
	code_cache__free(table->codes);
	free(table);
}

void stack_table__freep(struct stack_table **table)
{
	stack_table__free(*table);
}

static int intern(struct stack_table *table, const char *text, const char **out)
{
	uint32_t number;
	int is_new = string_table__add(&table->strings, text, &number);

	if (is_new < 0)
		return is_new;
	if (is_new)
		table->used_bytes +=
			strlen(text) + 1 + sizeof(char *) + 2 * sizeof(struct id_entry);
	*out = table->strings.texts[number];
	return 0;
}

static bool is_gone(int err)
{
	return err == -EFAULT || err == -EINVAL || err == -ESTALE || err == -ESRCH;
}

/* Names a frame. *shown: whether Python itself shows it; other frames are left out. */
static int name_frame(struct stack_table *table, const struct pyfrag_frame *sent,
		      struct stack_frame *out, bool *shown)
{
	const struct code_object *code;
	int32_t line;
	int err = code_cache__get(table->codes, table->memory, sent->code, &code);

	*out = (struct stack_frame){};
	*shown = true;
	if (is_gone(err)) {
		table->counts.unnamed_frames++;
		return 0;
	}
	if (err)
		return err;
	*shown = sent->owner == PYFRAG_OWNER_GENERATOR || code_object__is_shown(code, sent->instr);
	line = code_object__line(code, sent->instr);
	out->line = line < 0 ? 0 : line;
	err = intern(table, code->qualname ? code->qualname : code->name, &out->function);
	return err ? err : intern(table, code->filename, &out->file);
}

/* Names the frames of @sent that are shown, after the frames that are kept. */
static int name_frames(struct stack_table *table, const struct pyfrag_stack *sent, uint32_t *cnt)
{
	*cnt = 0;
	for (uint32_t i = 0; i < sent->frame_cnt; i++) {
		bool shown;
		int err = name_frame(table, &sent->frames[i],
				     &table->frames[table->frame_cnt + *cnt], &shown);

		if (err)
			return err;
		table->sent_frames[table->sent_frame_cnt + *cnt] = sent->frames[i];
		*cnt += shown;
	}
	return 0;
}

static bool is_stack(const void *owner, uint32_t id, const void *key)
{
	const struct stack_table *table = owner;
	const struct kept_stack *kept = &table->stacks[id], *wanted = key;

	if (kept->frame_cnt != wanted->frame_cnt || kept->truncated != wanted->truncated)
		return false;
	for (uint32_t i = 0; i < kept->frame_cnt; i++) {
		const struct stack_frame *left = &table->frames[kept->first + i];
		const struct stack_frame *right = &table->frames[wanted->first + i];

		/* Strings are interned: equal ones are the same pointer. */
		if (left->function != right->function || left->file != right->file ||
		    left->line != right->line)
			return false;
	}
	return true;
}

static uint64_t hash_stack(const struct stack_table *table, const struct kept_stack *stack)
{
	uint64_t hash = stack->frame_cnt;

	for (uint32_t i = 0; i < stack->frame_cnt; i++) {
		const struct stack_frame *frame = &table->frames[stack->first + i];

		hash = hash__word(hash ^ (uintptr_t)frame->function);
		hash = hash__word(hash ^ (uintptr_t)frame->file);
		hash = hash__word(hash ^ (uint32_t)frame->line);
	}
	return hash;
}

/* Returns the index of the stack whose @cnt frames were just named in *out; a new stack is kept. */
static int keep_stack(struct stack_table *table, uint32_t cnt, bool truncated, uint32_t *out)
{
	const struct kept_stack stack = {.first = table->frame_cnt,
					 .frame_cnt = cnt,
					 .truncated = truncated};
	uint64_t hash = hash_stack(table, &stack);
	int err;

	*out = id_table__find(&table->stack_ids, hash, is_stack, table, &stack);
	if (*out != ID_TABLE_NONE)
		return 0;
	err = ID_TABLE_APPEND(&table->stack_ids, hash, table->stacks, table->stack_capacity,
			      table->stack_cnt);
	if (err)
		return err;
	*out = (uint32_t)table->stack_cnt;
	table->stacks[table->stack_cnt++] = stack;
	table->frame_cnt += cnt;
	table->used_bytes += sizeof(stack) + cnt * sizeof(*table->frames);
	return 0;
}

/* Makes room for @cnt more frames, and one more sent stack. */
static int reserve(struct stack_table *table, size_t cnt)
{
	int err = RESERVE(table, table->frames, table->frame_capacity, table->frame_cnt + cnt);

	if (!err)
		err = RESERVE(table, table->sent_frames, table->sent_frame_capacity,
			      table->sent_frame_cnt + cnt);
	if (!err)
		err = RESERVE(table, table->sent, table->sent_capacity, table->sent_cnt + 1);
	return err;
}

/* Bytes kept for a sent stack of @frame_cnt frames, without its names. */
static size_t sent_bytes(size_t frame_cnt)
{
	return sizeof(struct sent_stack) + 2 * sizeof(struct numbered_stack) +
	       frame_cnt * sizeof(struct pyfrag_frame);
}

size_t stack_table__room_bytes(const struct stack_table *table)
{
	return table->used_bytes < table->bytes_max ? table->bytes_max - table->used_bytes : 0;
}

static int add(struct stack_table *table, const struct pyfrag_stack *sent)
{
	int err = reserve(table, sent->frame_cnt);
	struct numbered_stack *numbered;
	uint32_t cnt, stack;

	/* What is at an address may have changed since it was last requested, for another stack. */
	code_cache__begin_round(table->codes);
	if (!err)
		err = name_frames(table, sent, &cnt);
	if (!err)
		err = keep_stack(table, cnt, sent->is_truncated, &stack);
	if (err)
		return err;
	numbered = hash_map__add(&table->by_number, sent->number);
	if (!numbered)
		return -errno;
	numbered->stack = stack;
	table->sent[table->sent_cnt++] = (struct sent_stack){.number = sent->number,
							     .first = table->sent_frame_cnt,
							     .stack = stack};
	table->sent_frame_cnt += cnt;
	table->used_bytes += sent_bytes(cnt);
	return 0;
}

int stack_table__add(struct stack_table *table, const struct pyfrag_stack *sent)
{
	int err = -EDQUOT;

	if (sent->frame_cnt > PYFRAG_STACK_DEPTH_MAX || !sent->number ||
	    hash_map__find(&table->by_number, sent->number))
		return 0;
	if (stack_table__room_bytes(table))
		err = add(table, sent);
	if (err != -EDQUOT)
		return err;
	table->counts.unkept_stacks++;
	return 0;
}

uint32_t stack_table__find(const struct stack_table *table, uint64_t number)
{
	const struct numbered_stack *numbered = hash_map__find(&table->by_number, number);

	return numbered ? numbered->stack : STACK_UNKNOWN;
}

struct stack stack_table__get(const struct stack_table *table, uint32_t index)
{
	const struct kept_stack *kept = &table->stacks[index];

	return (struct stack){.frames = kept->frame_cnt ? table->frames + kept->first : NULL,
			      .frame_cnt = kept->frame_cnt,
			      .truncated = kept->truncated};
}

uint32_t stack_table__cnt(const struct stack_table *table)
{
	return (uint32_t)table->stack_cnt;
}

/*
 * 1 if the code of the sent frame is still what it was @named after, 0 if not, or negative errno.
 */
static int is_as_named(struct stack_table *table, const struct pyfrag_frame *sent,
		       const struct stack_frame *named)
{
	const struct code_object *code;
	int err = code_cache__get(table->codes, table->memory, sent->code, &code);
	int32_t line;

	if (err == -EDQUOT) /* forget the number: it may mean another stack now */
		return 0;
	if (err)
		return is_gone(err) ? !named->function : err;
	if (!named->function)
		return 0;
	line = code_object__line(code, sent->instr);
	return !strcmp(named->function, code->qualname ? code->qualname : code->name) &&
	       !strcmp(named->file, code->filename) && named->line == (line < 0 ? 0 : line);
}

static int is_as_sent(struct stack_table *table, const struct sent_stack *sent)
{
	const struct kept_stack *kept = &table->stacks[sent->stack];

	for (size_t i = 0; i < kept->frame_cnt; i++) {
		int same = is_as_named(table, &table->sent_frames[sent->first + i],
				       &table->frames[kept->first + i]);

		if (same <= 0)
			return same;
	}
	return 1;
}

/* Drops the sent stacks that are forgotten. */
static void compact(struct stack_table *table)
{
	size_t cnt = 0, frame_cnt = 0;

	for (size_t i = 0; i < table->sent_cnt; i++) {
		struct sent_stack *sent = &table->sent[i];
		size_t sent_frame_cnt = table->stacks[sent->stack].frame_cnt;

		if (!sent->number) {
			table->used_bytes -= sent_bytes(sent_frame_cnt);
			continue;
		}
		if (sent_frame_cnt) /* otherwise there may be no array */
			memmove(&table->sent_frames[frame_cnt], &table->sent_frames[sent->first],
				sent_frame_cnt * sizeof(*table->sent_frames));
		sent->first = frame_cnt;
		frame_cnt += sent_frame_cnt;
		table->sent[cnt++] = *sent;
	}
	table->sent_cnt = cnt;
	table->sent_frame_cnt = frame_cnt;
}

int stack_table__review(struct stack_table *table, void (*forget)(uint64_t number, void *context),
			void *context)
{
	int same = 1;

	code_cache__begin_round(table->codes);
	for (size_t i = 0; i < table->sent_cnt && same >= 0; i++) {
		struct sent_stack *sent = &table->sent[i];

		same = is_as_sent(table, sent);
		if (same)
			continue;
		forget(sent->number, context);
		hash_map__remove(&table->by_number,
				 hash_map__find(&table->by_number, sent->number));
		sent->number = 0;
		table->counts.retired_stacks++;
	}
	compact(table);
	return same < 0 ? same : 0;
}

const struct stack_table_counts *stack_table__counts(const struct stack_table *table)
{
	return &table->counts;
}

const struct code_cache_counts *stack_table__code_counts(const struct stack_table *table)
{
	return code_cache__counts(table->codes);
}
