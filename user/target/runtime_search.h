/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the runtime of a Python in its memory.
 *
 * From 3.7 on the list of interpreters is in _PyRuntime. Before, its head is the static variable
 * `interp_head` (Python/pystate.c). If its symbol is stripped, it is recognized by what it points
 * to: a PyInterpreterState whose first thread state points back to it, and which has a dict of
 * modules (PyDict_Type is exported). `autoInterpreterState` points to one, too, but only to the
 * first, while `interp_head` leads to all of them: of two such variables, the one that leads to the
 * other is taken. As long as there is only one interpreter they cannot be distinguished, and the
 * wrong one may be found. (The exported `_PyThreadState_Current` cannot be used: it is NULL
 * whenever nobody holds the GIL. But while somebody does, it shows which of its thread states that
 * thread runs with.)
 */
#pragma once

#include "target/memory.h"
#include "target/python.h"
#include "target/runtime.h"
#include "util/failure.h"

/*
 * Finds the runtime of @python, which must be initialized. Errors: -ENODATA it was not found
 * (@failure says what), as py_offsets__find(), or negative errno from reading.
 */
int runtime__find(struct runtime *out, const struct python *python, const struct memory *memory,
		  struct failure *failure);
