// SPDX-License-Identifier: BSD-2-Clause
#include "malloc/writable_data.h"

#include <errno.h>

#include "malloc/touched_runs.h"
#include "util/account.h"
#include "util/cleanup.h"

#define PIECE_BYTES (1UL << 20)
#define LOOK_BYTES  (1UL << 30) /* at most */

/* A visit under way. */
struct visit {
	const struct memory *memory;
	writable_data_fn *look;
	void *context;
	uint8_t *bytes; /* room for a piece and its tail */
	uint64_t left_bytes;
};

/* Visits a run of touched pages piece by piece; what was unmapped meanwhile is left out. */
static int visit_run(struct visit *visit, const struct touched_run *run)
{
	int err = 0;

	for (uint64_t at = run->start; at < run->end && visit->left_bytes && !err;
	     at += PIECE_BYTES) {
		struct writable_piece piece = {.address = at, .bytes = visit->bytes};
		uint64_t rest = run->end - at;

		piece.size = rest < PIECE_BYTES ? rest : PIECE_BYTES;
		piece.extent = rest < PIECE_BYTES + WRITABLE_DATA_TAIL_BYTES
				       ? rest
				       : PIECE_BYTES + WRITABLE_DATA_TAIL_BYTES;
		visit->left_bytes -=
			piece.size < visit->left_bytes ? piece.size : visit->left_bytes;
		err = memory__read(visit->memory, at, visit->bytes, piece.extent);
		if (!err)
			err = visit->look(&piece, visit->context);
		else if (err == -EFAULT)
			err = 0;
	}
	return err;
}

static bool is_writable_file(const struct mapping *mapping)
{
	return !mapping__is_anonymous(mapping) && mapping->readable && mapping->writable &&
	       !mapping->shared;
}

int writable_data__visit(const struct memory *memory, const struct mapping *maps, size_t map_cnt,
			 writable_data_fn *look, void *context, bool *is_cut)
{
	_cleanup_(touched_runs__release) struct touched_runs runs = {};
	_cleanup_account_free_ uint8_t *bytes =
		account__alloc(memory->account, PIECE_BYTES + WRITABLE_DATA_TAIL_BYTES);
	struct visit visit = {.memory = memory,
			      .look = look,
			      .context = context,
			      .bytes = bytes,
			      .left_bytes = LOOK_BYTES};
	int err = bytes ? 0 : -errno;

	for (size_t i = 0; i < map_cnt && !err; i++)
		if (is_writable_file(&maps[i]))
			err = touched_runs__add(&runs, memory, maps[i].start, maps[i].end);
	for (size_t i = 0; i < runs.cnt && !err; i++)
		err = visit_run(&visit, &runs.items[i]);
	*is_cut = !visit.left_bytes;
	return err;
}
