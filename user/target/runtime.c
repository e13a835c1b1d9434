// SPDX-License-Identifier: BSD-2-Clause
#include "target/runtime.h"

#include "target/interpreter_list.h"

int runtime__interpreters(const struct runtime *runtime, const struct memory *memory,
			  uint64_t **out, size_t *cnt)
{
	return interpreter_list__read(runtime->interpreters_head, runtime->offsets.interpreter_next,
				      memory, out, cnt);
}
