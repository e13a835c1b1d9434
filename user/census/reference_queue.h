/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads references that are stored outside of the object itself: items of lists, entries of dicts
 * and sets, blocks of deques. They are requested object by object, and read in bulk.
 */
#pragma once

#include <stdint.h>

#include "census/census.h"
#include "census/reference.h"

enum request_kind {
	REQUEST_ITEMS,	 /* consecutive addresses */
	REQUEST_SET,	 /* entries of two words */
	REQUEST_KEYS,	 /* the header of a dict's keys, which leads to its entries */
	REQUEST_ENTRIES, /* entries of a dict */
	REQUEST_VALUES,	 /* of an instance */
	REQUEST_DEQUE,	 /* a deque's block, which leads to the next one */
};

struct request {
	enum request_kind kind;
	uint32_t owner;
	uint32_t words;	  /* of an entry; unused for KEYS and DEQUE */
	uint64_t address; /* of the first entry; 0: nothing is requested */
	uint64_t cnt;	  /* number of entries; DEQUE: of remaining items; KEYS: 1 */
	uint64_t values;  /* KEYS, ENTRIES: address of the values; 0: stored next to the keys */
	uint64_t first;	  /* DEQUE: index of the first item in the block */
	/* VALUES: @cnt addresses of str, valid until the flush. */
	const uint64_t *names;
	uint64_t done;	/* entries that have been read */
	uint32_t index; /* of the next used entry */
};

struct reference_queue;

/* Returns 0 or -ENOMEM; the caller frees it. */
int reference_queue__new(struct reference_queue **out, const struct census *census,
			 const struct reference_visitor *visitor);
void reference_queue__free(struct reference_queue *queue);

/* Adds a request. Returns 0, -ENOMEM or -EDQUOT. */
int reference_queue__add(struct reference_queue *queue, const struct request *request);

/* Reads what was requested and visits the references. Returns as references__flush(). */
int reference_queue__flush(struct reference_queue *queue);

/*
 * The number of objects that were not read in full: they claim to have more than there is memory
 * for.
 */
uint64_t reference_queue__left_out(const struct reference_queue *queue);
