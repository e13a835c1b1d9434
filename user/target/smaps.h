/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much of each mapping of a process is in RAM: /proc/PID/smaps (proc_pid_smaps(5)).
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "target/mapping.h"

struct smaps {
	struct mappings mappings;
	uint64_t *resident_bytes; /* Rss of each */
	size_t capacity;
};

/*
 * Reads the text of smaps, at most as many mappings as mappings__read(). Returns 0, -ENOMEM,
 * -ETIME, or -EIO if it is malformed. The caller releases *out.
 */
int smaps__parse(struct smaps *out, FILE *file);
void smaps__release(struct smaps *smaps);
