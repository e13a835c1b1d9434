/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A heap as an SQLite database: arenas, pools, blocks, objects and their references, with views
 * that answer the most common questions. docs/database.md describes the schema; its version is in
 * the table `meta`.
 */
#pragma once

#include "output/report.h"
#include "util/failure.h"

#define DATABASE_SCHEMA_VERSION 1

/*
 * Writes a report and its contents as a new database into the empty file @fd, which must be open
 * for reading and writing and remains the caller's. Shows progress. Returns 0, or -EIO, -EDQUOT or
 * another negative errno; then @failure describes why, and the file is unusable.
 */
int database__write(int fd, const struct report *report, struct failure *failure);
