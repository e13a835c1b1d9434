/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A heap as an SQLite database: arenas, pools, blocks, objects, who refers to whom, and views of it
 * that answer what is mostly asked. docs/database.md describes the schema; its version is in the
 * table `meta`.
 */
#pragma once

#include "output/report.h"
#include "util/failure.h"

#define DATABASE_SCHEMA_VERSION 1

/*
 * Writes a report with its contents as a new database into the empty file behind @fd, which is open
 * for reading and writing and stays the caller's; shows its progress. Returns 0, or -EIO, -EDQUOT
 * (or another negative errno) and then @failure says why, and the file is of no use.
 */
int database__write(int fd, const struct report *report, struct failure *failure);
