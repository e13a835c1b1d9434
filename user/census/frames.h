/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the local variables of frames and their names.
 *
 * Up to 3.10 a frame is an object, PyFrameObject (Include/frameobject.h,
 * Include/cpython/frameobject.h). Its variables are in f_localsplus at its end, followed by the
 * evaluation stack, which begins at f_valuestack. From 3.11 on it is a _PyInterpreterFrame
 * (Include/internal/pycore_frame.h), with localsplus after `owner`; a generator has its frame at
 * its end. The names are in co_varnames, co_cellvars and co_freevars, from 3.11 on in
 * co_localsplusnames (Include/cpython/code.h).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "census/graph.h"

/* Per code object. A tuple of names that would exceed this is not read. */
#define LOCAL_NAMES_MAX 4096

/* The offset of the local variables in a frame of 3.11 or later. */
uint32_t frames__locals_offset(const struct census *census);

/*
 * Reads the addresses of the names of a code object's local variables, in the order of the
 * variables, into @names (room for LOCAL_NAMES_MAX). Returns 0 or as memory__read(). *cnt is 0 if
 * there is no code object.
 */
int frames__read_names(const struct graph *graph, uint64_t code, uint64_t *names, size_t *cnt);

/*
 * Reads the name of the local variable at @offset in the frame object or generator at @address,
 * whose type has the number @type. *out is NULL if there is none. The caller frees it. Returns 0,
 * -ENOMEM or as memory__read().
 */
int frames__local_name(char **out, const struct graph *graph, uint64_t address, uint32_t type,
		       uint32_t offset);
