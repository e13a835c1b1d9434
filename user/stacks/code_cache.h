/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Caches the code objects of one target by their addresses. A program runs the same few thousand
 * again and again; each is read once.
 *
 * An address may come to hold another code object, when a module is reloaded or a function is
 * created at run time, and nothing reports that. So callers that walk stacks in rounds announce
 * each round, and the cache checks once per round, cheaply, that what it knows about an address is
 * still true.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pyfrag/py_offsets.h"
#include "stacks/code_object.h"
#include "target/memory.h"

struct code_cache_counts {
	uint64_t named;	  /* code objects read, each once */
	uint64_t gone;	  /* addresses where none could be read (any longer), once per round each */
	uint64_t changed; /* addresses that hold something else than before */
	uint64_t unkept;  /* times one was read that there was no room to keep */
};

struct code_cache;

/*
 * Creates a cache that keeps at most @bytes_max bytes of our own memory (besides the empty table's
 * 2 KiB): its slots are charged to @account, code objects to the account of the memory they are
 * read from. @offsets are copied. Returns 0, -EDQUOT or -ENOMEM; the caller frees it.
 */
int code_cache__new(struct code_cache **out, const struct py_offsets *offsets,
		    struct account *account, size_t bytes_max);
void code_cache__free(struct code_cache *cache);
void code_cache__freep(struct code_cache **cache);

/*
 * Gets the code object at @address (without tag bits), from the cache or else from @memory. The
 * cache owns *out; it is valid until the next round begins or the cache is freed, and, if there was
 * no room to keep it, only until the next code_cache__get().
 *
 * Returns 0, or as code_object__read(). The cache remembers that an address cannot be read
 * (-EFAULT, -EINVAL, -ESTALE), and does not try it again in this round.
 */
int code_cache__get(struct code_cache *cache, const struct memory *memory, uint64_t address,
		    const struct code_object **out);

/* Begins a round: each address is checked again when it is next requested. */
void code_cache__begin_round(struct code_cache *cache);

const struct code_cache_counts *code_cache__counts(const struct code_cache *cache);
