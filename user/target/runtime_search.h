/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the runtime of a Python in its memory.
 *
 * From 3.7 on the list hangs on _PyRuntime. Before, it is the static variable `interp_head`
 * (Python/pystate.c). Where its symbol is stripped, it is known by where it points: to a
 * PyInterpreterState whose first thread state points back, and which has a dict of modules
 * (PyDict_Type is exported). `autoInterpreterState` does so too, but leads to the first interpreter
 * only, where `interp_head` leads to all: the one that leads to the other is taken. As long as
 * there is but one interpreter they cannot be told apart, and it may be the wrong one that is
 * found. (`_PyThreadState_Current`, which is exported, would not do: it is NULL whenever nobody has
 * the GIL. But while somebody has it, it says with which of its thread states a thread runs.)
 */
#pragma once

#include "target/memory.h"
#include "target/python.h"
#include "target/runtime.h"
#include "util/failure.h"

/*
 * Finds the runtime of @python, which must have started up. Errors: -ENODATA it is not there
 * (failure says what), as py_offsets__find(), or negative errno of reading.
 */
int runtime__find(struct runtime *out, const struct python *python, const struct memory *memory,
		  struct failure *failure);
