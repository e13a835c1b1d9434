// SPDX-License-Identifier: BSD-2-Clause
/*
 * Strings, functions, locations and stacks are stored once each. All are added in the same way:
 * search for it; if it is not there, make room, enter it, and only then count it. So a failure
 * leaves nothing behind except, at worst, items that no stack refers to.
 */
#include "analysis/profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/account.h"
#include "util/cleanup.h"
#include "util/hash.h"
#include "util/text.h"

const struct profile_value_type profile_value_types[PROFILE_VALUE_CNT] = {
	[PROFILE_LIVE_BYTES] = {"live_bytes", "bytes"},
	[PROFILE_LIVE_BLOCKS] = {"live_blocks", "count"},
	[PROFILE_HOSTAGE_BYTES] = {"hostage_bytes", "bytes"},
	[PROFILE_GROWN_BYTES] = {"growth", "bytes"},
};

static const struct profile_frame truncated_mark = {.function = "[truncated]",
						    .kind = PROFILE_FRAME_MARK};
static const struct profile_frame no_stack_mark = {.function = "[no stack]",
						   .kind = PROFILE_FRAME_MARK};

static bool is_function(const void *owner, uint32_t id, const void *key)
{
	const struct profile *profile = owner;

	return !memcmp(&profile->functions[id], key, sizeof(*profile->functions));
}

static bool is_location(const void *owner, uint32_t id, const void *key)
{
	const struct profile *profile = owner;

	return !memcmp(&profile->locations[id], key, sizeof(*profile->locations));
}

static bool is_stack(const void *owner, uint32_t id, const void *key)
{
	const struct profile *profile = owner;
	const struct profile_stack *stack = &profile->stacks[id], *wanted = key;

	return stack->cnt == wanted->cnt && !memcmp(profile->stack_locations + stack->first,
						    profile->stack_locations + wanted->first,
						    stack->cnt * sizeof(*profile->stack_locations));
}

/* Stored strings are printable already: a text that is found among them needs no cleaning. */
static int intern_string(struct profile *profile, const char *text, uint32_t *id)
{
	_cleanup_free_ char *utf8 = NULL;
	int err;

	*id = string_table__find(&profile->strings, text);
	if (*id != ID_TABLE_NONE)
		return 0;
	utf8 = text__to_utf8(text);
	if (!utf8)
		return -ENOMEM;
	/* utf8 has spare room */
	err = string_table__add(&profile->strings, text__make_printable(utf8), id);
	return err < 0 ? err : 0;
}

static int intern_function(struct profile *profile, const struct profile_function *function,
			   uint32_t *id)
{
	uint64_t hash = hash__bytes(function, sizeof(*function));
	int err;

	*id = id_table__find(&profile->function_ids, hash, is_function, profile, function);
	if (*id != ID_TABLE_NONE)
		return 0;
	err = ID_TABLE_APPEND(&profile->function_ids, hash, profile->functions,
			      profile->function_capacity, profile->function_cnt);
	if (err)
		return err;
	*id = (uint32_t)profile->function_cnt++;
	profile->functions[*id] = *function;
	return 0;
}

static int intern_location(struct profile *profile, const struct profile_location *location,
			   uint32_t *id)
{
	uint64_t hash = hash__bytes(location, sizeof(*location));
	int err;

	*id = id_table__find(&profile->location_ids, hash, is_location, profile, location);
	if (*id != ID_TABLE_NONE)
		return 0;
	err = ID_TABLE_APPEND(&profile->location_ids, hash, profile->locations,
			      profile->location_capacity, profile->location_cnt);
	if (err)
		return err;
	*id = (uint32_t)profile->location_cnt++;
	profile->locations[*id] = *location;
	return 0;
}

static int intern_frame(struct profile *profile, const struct profile_frame *frame, uint32_t *id)
{
	const char *name = frame->function && *frame->function ? frame->function : "[unknown]";
	struct profile_function function = {.kind = frame->kind};
	struct profile_location location = {.line = frame->line > 0 ? frame->line : 0};
	int err;

	err = intern_string(profile, name, &function.name);
	if (!err)
		err = intern_string(profile, frame->file ? frame->file : "", &function.file);
	if (!err)
		err = intern_function(profile, &function, &location.function);
	return err ? err : intern_location(profile, &location, id);
}

/* Appends a stack to stack_locations, without counting it yet. */
static int append_stack(struct profile *profile, const struct profile_frame *frames,
			size_t frame_cnt, bool truncated, struct profile_stack *stack)
{
	const struct profile_frame *mark = truncated	? &truncated_mark
					   : !frame_cnt ? &no_stack_mark
							: NULL;
	uint32_t *ids;
	int err;

	*stack = (struct profile_stack){.first = profile->stack_location_cnt,
					.cnt = frame_cnt + (mark ? 1 : 0)};
	err = ACCOUNT_RESERVE(profile->account, profile->stack_locations,
			      profile->stack_location_capacity, stack->first + stack->cnt);
	if (err)
		return err;
	ids = profile->stack_locations + stack->first;
	for (size_t i = 0; i < frame_cnt; i++) {
		err = intern_frame(profile, &frames[i], &ids[i]);
		if (err)
			return err;
	}
	return mark ? intern_frame(profile, mark, &ids[frame_cnt]) : 0;
}

/* Counts the stack that was appended, unless there is an equal one. */
static int intern_stack(struct profile *profile, const struct profile_stack *stack, uint32_t *id)
{
	uint64_t hash = hash__bytes(profile->stack_locations + stack->first,
				    stack->cnt * sizeof(*profile->stack_locations));
	int err;

	*id = id_table__find(&profile->stack_ids, hash, is_stack, profile, stack);
	if (*id != ID_TABLE_NONE)
		return 0;
	err = ID_TABLE_APPEND(&profile->stack_ids, hash, profile->stacks, profile->stack_capacity,
			      profile->stack_cnt);
	if (err)
		return err;
	*id = (uint32_t)profile->stack_cnt++;
	profile->stacks[*id] = *stack;
	profile->stack_location_cnt += stack->cnt;
	return 0;
}

int profile__add(struct profile *profile, const struct profile_frame *frames, size_t frame_cnt,
		 bool truncated, const int64_t values[PROFILE_VALUE_CNT])
{
	int64_t sums[PROFILE_VALUE_CNT];
	struct profile_stack stack;
	uint32_t id;
	int err;

	err = append_stack(profile, frames, frame_cnt, truncated, &stack);
	if (!err)
		err = intern_stack(profile, &stack, &id);
	if (err)
		return err;
	for (int i = 0; i < PROFILE_VALUE_CNT; i++)
		if (__builtin_add_overflow(profile->stacks[id].values[i], values[i], &sums[i]))
			return -EOVERFLOW;
	memcpy(profile->stacks[id].values, sums, sizeof(sums));
	return 0;
}

static int copy_info(struct profile *profile, const struct profile_info *info)
{
	uint32_t empty, comm, version;
	int err;

	err = intern_string(profile, "", &empty);
	if (!err)
		err = intern_string(profile, info->comm ? info->comm : "", &comm);
	if (!err)
		err = intern_string(profile, info->python_version ? info->python_version : "",
				    &version);
	if (err)
		return err;
	profile->info = *info;
	profile->info.comm = profile->strings.texts[comm];
	profile->info.python_version = profile->strings.texts[version];
	return 0;
}

int profile__new(struct profile **out, const struct profile_info *info, struct account *account)
{
	_cleanup_(profile__freep) struct profile *profile = calloc(1, sizeof(*profile));
	int err;

	if (!profile)
		return -ENOMEM;
	profile->account = account;
	profile->strings.ids.map.account = account;
	profile->function_ids.map.account = account;
	profile->location_ids.map.account = account;
	profile->stack_ids.map.account = account;
	err = copy_info(profile, info);
	if (err)
		return err;
	*out = TAKE_PTR(profile);
	return 0;
}

void profile__free(struct profile *profile)
{
	if (!profile)
		return;
	string_table__release(&profile->strings);
	account__free(profile->functions);
	account__free(profile->locations);
	account__free(profile->stack_locations);
	account__free(profile->stacks);
	id_table__release(&profile->function_ids);
	id_table__release(&profile->location_ids);
	id_table__release(&profile->stack_ids);
	free(profile);
}

void profile__freep(struct profile **profile)
{
	profile__free(*profile);
}
