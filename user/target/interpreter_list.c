// SPDX-License-Identifier: BSD-2-Clause
#include "target/interpreter_list.h"

#include <errno.h>

#include "util/address_set.h"
#include "util/checked.h"
#include "util/cleanup.h"

int interpreter_list__read(uint64_t head, uint64_t next_offset, const struct memory *memory,
			   uint64_t **out, size_t *cnt)
{
	_cleanup_(address_set__release) struct address_set seen = {.ids.map.account =
									   memory->account};
	uint64_t at = 0;
	int err = 0;

	if (head)
		err = memory__read(memory, head, &at, sizeof(at));
	while (!err && at) {
		int is_new = address_set__add(&seen, at);

		if (is_new < 0)
			return is_new;
		if (!is_new)
			break; /* the list is circular: all in the circle are known */
		if (seen.cnt > INTERPRETERS_MAX)
			return -ELOOP;
		if (!checked_add(at, next_offset, &at))
			break;
		err = memory__read(memory, at, &at, sizeof(at));
	}
	/* A state that is freed meanwhile ends the list: the next reading sees the new list. */
	if (err && err != -EFAULT)
		return err;
	*cnt = seen.cnt;
	*out = TAKE_PTR(seen.addresses);
	return 0;
}
