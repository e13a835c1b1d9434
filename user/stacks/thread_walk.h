/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk that BPF programs do (pyfrag/py_walk.h), done from here: to see, before they are trusted
 * with it, that it leads to code objects.
 */
#pragma once

#include "pyfrag/stacks.h"
#include "target/memory.h"
#include "util/failure.h"

/*
 * Walks the first thread that there is, and reads the code of its frames. Returns 0 if all of it
 * made sense, or it has no frame; -EBADMSG if not, also when tried again (the target runs
 * meanwhile); or negative errno of reading.
 */
int thread_walk__check(const struct py_walk *walk, const struct memory *memory,
		       struct failure *failure);
