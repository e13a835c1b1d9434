/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stack walk of the BPF programs (pyfrag/py_walk.h), run in user space to check that it leads
 * to code objects before the BPF programs rely on it.
 */
#pragma once

#include "pyfrag/stacks.h"
#include "target/memory.h"
#include "util/failure.h"

/*
 * Walks the first thread and reads the code of its frames. Returns 0 if all of it is well-formed,
 * or there is no frame; -EBADMSG if not, even after several attempts (the target runs meanwhile);
 * or another negative errno from reading, after which it is not tried again.
 */
int thread_walk__check(const struct py_walk *walk, const struct memory *memory,
		       struct failure *failure);
