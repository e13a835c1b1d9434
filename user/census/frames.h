/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local variables of frames: where they are, and their names.
 *
 * Up to 3.10 a frame is an object, PyFrameObject (Include/frameobject.h,
 * Include/cpython/frameobject.h), with the variables in f_localsplus at its end and the evaluation
 * stack behind them, from f_valuestack on. From 3.11 on it is a _PyInterpreterFrame
 * (Include/internal/pycore_frame.h), with localsplus behind `owner`; a generator's is the end of
 * the generator. Their names: co_varnames, co_cellvars and co_freevars, from 3.11 on
 * co_localsplusnames (Include/cpython/code.h).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "census/graph.h"

/* Of a code object; more are not read. */
#define LOCAL_NAMES_MAX 4096

/* How far into a frame of 3.11 or later its local variables are. */
uint32_t frames__locals_offset(const struct census *census);

/*
 * The addresses of the names of a code object's local variables, in the order of the variables,
 * into @names (room for LOCAL_NAMES_MAX). Returns 0 or as memory__read(); *cnt is 0 for what is no
 * code object.
 */
int frames__read_names(const struct graph *graph, uint64_t code, uint64_t *names, size_t *cnt);

/*
 * The name of the local variable @offset bytes into a frame object, or a generator, of the type
 * number @type at @address; NULL if there is none. The caller frees *out. Returns 0, -ENOMEM or as
 * memory__read().
 */
int frames__local_name(char **out, const struct graph *graph, uint64_t address, uint32_t type,
		       uint32_t offset);
