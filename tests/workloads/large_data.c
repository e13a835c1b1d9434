// SPDX-License-Identifier: BSD-2-Clause
/*
 * A program with an embedded Python and far more static data than a Python has: a table that it has
 * filled, partly with addresses in its heap, and a table of which it has touched only a page here
 * and there. It behaves like that Python. HOME is the directory of its library.
 */
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>

#define FILLED_BYTES (48UL << 20)
#define SPARSE_BYTES (900UL << 20)
#define STEP_BYTES   (4UL << 20)
#define PAGE_BYTES   4096UL

volatile uint64_t filled[FILLED_BYTES / 8] = {1};
volatile uint8_t sparse[SPARSE_BYTES];

int main(int argc, char **argv)
{
	const size_t pointers = 100000;
	uint8_t *heap = malloc(PAGE_BYTES);

	if (!heap || setenv("PYTHONHOME", HOME, 1))
		return 1;
	for (size_t i = 0; i < FILLED_BYTES / 8; i++)
		filled[i] = i < pointers ? (uintptr_t)(heap + i % 512 * 8) : i;
	for (size_t at = 0; at < SPARSE_BYTES; at += STEP_BYTES)
		sparse[at + STEP_BYTES / 2] = 1;
	return Py_BytesMain(argc, argv);
}
