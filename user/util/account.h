/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An account limits how much memory is allocated on behalf of a target, and counts how much is in
 * use. A target determines how large its heap is and how many objects, types, frames and names it
 * has, and it may lie. Therefore all memory whose size or number depends on a target is charged to
 * that target's account. Beyond the limit, the account refuses the allocation before it is made. An
 * account may have a parent; memory charged to the account is charged to the parent, too. In this
 * way the agent limits the memory for all its targets together.
 *
 * Accounts are passed explicitly: struct memory, through which a target is read, has an account,
 * and so has struct heap. What is derived from either charges its memory there. One implicit
 * account per thread would have needed fewer changes, but the code would not show which account
 * pays for an allocation. Memory allocated in a callback, or in a thread that serves several
 * targets, would be charged to the wrong account or to none, and nobody would notice.
 *
 * A header of 16 bytes before each allocation holds its account and size, so freeing takes neither
 * as an argument. An account exists until everything charged to it has been freed, so the order of
 * closing and freeing does not matter. account__free() and free() are not interchangeable: each
 * aborts immediately on memory of the other.
 *
 * Passing NULL as @account means no limit and no counting; this is for memory that does not depend
 * on a target, such as recorded memory in tests. All functions are thread-safe.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"

struct account;

/*
 * Creates an account for at most @limit_bytes, with @parent or NULL. Charged sizes include the
 * overhead of malloc and of the account. Returns 0 or -ENOMEM. The caller closes the account.
 */
int account__new(struct account **out, uint64_t limit_bytes, struct account *parent);

/* Closes the account. Memory charged to it stays valid. Accepts NULL. */
void account__close(struct account *account);

/*
 * Like malloc(), calloc(), realloc() and strdup(). They return NULL with errno EDQUOT if the limit
 * of the account or of an ancestor would be exceeded, and with ENOMEM if there is no memory.
 * Reallocated memory stays in the account it was charged to; @account is only used if @pointer is
 * NULL.
 */
void *account__alloc(struct account *account, size_t size);
void *account__calloc(struct account *account, size_t cnt, size_t size);
void *account__realloc(struct account *account, void *pointer, size_t size);
char *account__strdup(struct account *account, const char *text);

/* Frees memory from the functions above or from account__reserve(). Accepts NULL. */
void account__free(void *pointer);

/*
 * Like array__reserve(): makes room for @cnt items of @item_size bytes in *@items. Returns 0,
 * -EDQUOT or -ENOMEM; nothing has changed on failure.
 */
int account__reserve(struct account *account, void **items, size_t *capacity, size_t cnt,
		     size_t item_size);

/* The same, with the item size taken from the pointer's type. */
#define ACCOUNT_RESERVE(account, items, capacity, cnt)                                             \
	account__reserve((account), (void **)&(items), &(capacity), (cnt), sizeof(*(items)))

/*
 * Like qsort() and qsort_r(), also valid with 0 items. The C library's merge sort allocates a
 * second copy of the items, which is charged to the account while sorting. Returns 0, -EDQUOT or
 * -ENOMEM; nothing has changed on failure.
 */
int account__sort(struct account *account, void *items, size_t cnt, size_t item_size,
		  int (*compare)(const void *, const void *));
int account__sort_r(struct account *account, void *items, size_t cnt, size_t item_size,
		    int (*compare)(const void *, const void *, void *), void *context);

/*
 * Checks whether @bytes more could be charged, before work begins that is known to need them.
 * Charges nothing. Returns 0 or -EDQUOT, which counts as a refusal.
 */
int account__check_room(struct account *account, uint64_t bytes);

/* Whether @err means that memory is short, because of an account's limit or in general. */
static inline bool account__is_short(int err)
{
	return err == -EDQUOT || err == -ENOMEM;
}

struct account_usage {
	uint64_t limit_bytes, used_bytes;
	uint64_t peak_bytes; /* maximum of used_bytes */
	uint64_t refused;    /* number of refused charges, including those of child accounts */
};

/* For NULL, limit_bytes is UINT64_MAX and the rest is 0. */
struct account_usage account__usage(const struct account *account);

/*
 * Makes malloc return freed memory to the kernel early, and use one arena for all threads. An
 * account only counts memory in use; by default malloc may hold as much again in freed memory, in
 * an arena per thread (mallopt(3), M_ARENA_MAX). Call it before threads are started.
 */
void account__keep_little_freed(void);

/*
 * For tests: refuses the @nth charge from now on (1: the next), as if the limit were reached; 0
 * disables this.
 */
void account__refuse_nth(struct account *account, uint64_t nth);

static inline void account__freep(void *pointer)
{
	account__free(*(void **)pointer);
}

#define _cleanup_account_free_ _cleanup_(account__freep)
