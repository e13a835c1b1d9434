/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much of each mapping of a process is in RAM: /proc/PID/smaps (proc_pid_smaps(5)).
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "target/mapping.h"

struct smaps {
	struct mappings mappings;
	uint64_t *resident_bytes; /* of each: Rss */
	size_t capacity;
};

/*
 * Reads as many mappings as mappings__read(). Returns 0, -ENOMEM, -EIO: it is malformed, or
 * negative errno of opening it. The caller releases.
 */
int smaps__read(struct smaps *out, pid_t pid);
int smaps__parse(struct smaps *out, FILE *file);
void smaps__release(struct smaps *smaps);
