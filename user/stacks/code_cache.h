/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The code objects of one target that were asked for, by address. A program runs the same few
 * thousand again and again; each is read once.
 *
 * An address may come to hold another code object, when a module is loaded anew or a function is
 * made at run time. Nothing tells of that. So whoever walks stacks in rounds says when one begins,
 * and in each round the cache looks once, cheaply, whether what it knows of an address is still
 * true.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pyfrag/py_offsets.h"
#include "stacks/code_object.h"
#include "target/memory.h"

struct code_cache_counts {
	uint64_t named;	  /* code objects read, each once */
	uint64_t gone;	  /* addresses where none could be read, or no longer, each once a round */
	uint64_t changed; /* addresses found to hold something else than before */
	uint64_t unkept;  /* times one was read that there was no room for */
};

struct code_cache;

/*
 * A cache that keeps at most @bytes_max bytes of our own memory (but for the empty table's 2 KiB):
 * its slots from @account, code objects from that of the memory they are read from. @offsets are
 * copied. Returns 0, -EDQUOT or -ENOMEM; the caller frees it.
 */
int code_cache__new(struct code_cache **out, const struct py_offsets *offsets,
		    struct account *account, size_t bytes_max);
void code_cache__free(struct code_cache *cache);
void code_cache__freep(struct code_cache **cache);

/*
 * The code object at @address (without tag bits), from the cache or else from @memory. The cache
 * owns *out; it is good until the next round is begun or the cache is freed, and, if there was no
 * room to keep it, only until the next code_cache__get().
 *
 * Returns 0, or as code_object__read(). That an address cannot be read (-EFAULT, -EINVAL, -ESTALE)
 * is remembered, and not tried again in this round.
 */
int code_cache__get(struct code_cache *cache, const struct memory *memory, uint64_t address,
		    const struct code_object **out);

/* Begins a round: each address is looked at again when it is next asked for. */
void code_cache__begin_round(struct code_cache *cache);

const struct code_cache_counts *code_cache__counts(const struct code_cache *cache);
