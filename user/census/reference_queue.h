/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What objects refer to that lies elsewhere: items of lists, entries of dicts and sets, blocks of
 * deques. It is asked for object by object, and read in bulk.
 */
#pragma once

#include <stdint.h>

#include "census/census.h"
#include "census/reference.h"

enum request_kind {
	REQUEST_ITEMS,	 /* addresses, one after another */
	REQUEST_SET,	 /* entries of two words */
	REQUEST_KEYS,	 /* the head of a dict's keys, which leads to its entries */
	REQUEST_ENTRIES, /* entries of a dict */
	REQUEST_VALUES,	 /* of an instance */
	REQUEST_DEQUE,	 /* a deque's block, which leads to the next one */
};

struct request {
	enum request_kind kind;
	uint32_t owner;
	uint32_t words;	  /* of an entry, but for KEYS and DEQUE */
	uint64_t address; /* of the first entry; 0: nothing is wanted */
	uint64_t cnt;	  /* entries; DEQUE: items that are left; KEYS: 1 */
	uint64_t values;  /* KEYS, ENTRIES: where the values are; 0: beside the keys */
	uint64_t first;	  /* DEQUE: in the block */
	/* VALUES: cnt of them, addresses of str; they have to stay until the flush. */
	const uint64_t *names;
	uint64_t done;	/* entries that were read */
	uint32_t index; /* of the next one that is in use */
};

struct reference_queue;

/* Returns 0 or -ENOMEM; the caller frees it. */
int reference_queue__new(struct reference_queue **out, const struct census *census,
			 const struct reference_visitor *visitor);
void reference_queue__free(struct reference_queue *queue);

/* Asks. Returns 0 or -ENOMEM. */
int reference_queue__add(struct reference_queue *queue, const struct request *request);

/* Reads all that was asked for, and tells of it. As references__flush(). */
int reference_queue__flush(struct reference_queue *queue);

/* Of so many objects not all was read: they say that they have more than there is memory for. */
uint64_t reference_queue__left_out(const struct reference_queue *queue);
