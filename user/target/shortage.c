// SPDX-License-Identifier: BSD-2-Clause
#include "target/shortage.h"

#include <errno.h>

#include "util/units.h"

int shortage__describe(const struct process *process, int err, struct failure *failure)
{
	struct account_usage usage = account__usage(process->memory.memory.account);

	if (err != -EDQUOT)
		return failure__set(failure, err, "out of memory");
	return failure__set(
		failure, err,
		"process %d (%s): its heap needs more than %s of pyfrag's memory; raise the limit "
		"with --max-memory",
		process->pid, process->comm, units__bytes(usage.limit_bytes).text);
}
