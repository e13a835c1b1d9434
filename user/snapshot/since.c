// SPDX-License-Identifier: BSD-2-Clause
#include "snapshot/since.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/census_kinds.h"
#include "output/database_query.h"
#include "target/shortage.h"
#include "util/bits.h"
#include "util/cleanup.h"

#define KIND_BYTES 512

struct hiding {
	struct census *census;
	uint64_t cnt;
};

/* Hides a block that is unchanged: same address, and an object of the same type. */
static int hide(void *context, uint64_t address, const char *kind)
{
	struct hiding *hiding = context;
	struct census *census = hiding->census;
	uint32_t place = block_table__find(&census->blocks, address);
	char now[KIND_BYTES];

	if (place == PLACE_NONE || block_kind__role(census->blocks.words[place]) == BLOCK_FREE)
		return 0;
	census_kinds__describe(census, census__plain_kind(census, census__kind_at(census, address)),
			       now, sizeof(now));
	/* A database may list a block twice. */
	if (strcmp(now, kind) != 0 || bits__get(census->hidden, place))
		return 0;
	bits__set(census->hidden, place);
	hiding->cnt++;
	return 0;
}

/* Rejects a database of another process, whose addresses mean other blocks. */
static int check_process(struct database *database, const char *path, const struct target *target,
			 struct failure *failure)
{
	struct database_process now = {.pid = target->pid,
				       .start_ticks = target->start_ticks
							      ? (int64_t)target->start_ticks
							      : -1},
				then = database__process(database, false);

	if (database_process__may_be(&now, &then))
		return 0;
	if (now.pid == then.pid)
		return failure__set(failure, -EINVAL,
				    "%.500s was written from an earlier process with the same pid "
				    "(%d); give a database of the present one",
				    path, target->pid);
	return failure__set(
		failure, -EINVAL,
		"%.500s was written from another process (pid %lld), not from process %d (%s)",
		path, (long long)then.pid, target->pid, target->comm);
}

int since__hide(struct census *census, const struct target *target, const char *path,
		const struct reading_options *options, uint64_t *hidden_cnt,
		struct failure *failure)
{
	const struct database_options of = {.name = path,
					    .cpu_s = options->database_cpu_s,
					    .memory_bytes = options->max_memory_bytes};
	_cleanup_(database__closep) struct database *database = NULL;
	struct hiding hiding = {.census = census};
	int err = database__open_path(&database, &of, failure);

	if (!err)
		err = check_process(database, path, target, failure);
	if (err)
		return err;
	census->hidden =
		account__calloc(census->heap->account, 1, bits__bytes(census->blocks.place_cnt));
	if (!census->hidden)
		return shortage__describe(target, -errno, failure);
	err = database__visit_blocks(database, hide, &hiding, failure);
	*hidden_cnt = hiding.cnt;
	return err;
}
