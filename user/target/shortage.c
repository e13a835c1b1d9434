// SPDX-License-Identifier: BSD-2-Clause
#include "target/shortage.h"

#include <errno.h>

#include "util/account.h"
#include "util/units.h"

int shortage__describe(const struct target *target, int err, struct failure *failure)
{
	struct account_usage usage = account__usage(target->memory->account);

	if (err != -EDQUOT)
		return failure__set(failure, err, "out of memory");
	return failure__set(failure, err,
			    "process %d (%s): reading its heap needs more than %s of memory; raise "
			    "the limit with --max-memory",
			    target->pid, target->comm, units__bytes(usage.limit_bytes).text);
}

int shortage__describe_swapped(const struct target *target, int err, struct failure *failure)
{
	if (!err || !memory__has_left(target->memory) || account__is_short(err) || err == -ESRCH ||
	    err == -EPERM || err == -EACCES || err == -ETIME || err == -ENOTSUP)
		return err;
	return failure__set(failure, -EAGAIN,
			    "process %d (%s): data that pyfrag has to read first is swapped out; "
			    "`snapshot --swapped` reads it, which brings it back into RAM",
			    target->pid, target->comm);
}
