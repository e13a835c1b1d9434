/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An account: how much memory may be taken for something, and how much is. A target says how large
 * its heap is and how many objects, types, frames and names there are, and it may lie; so all
 * memory whose size or number comes from a target is taken from that target's account, which
 * refuses what goes beyond its limit *before* it is taken. An account may be part of another one:
 * what is taken from it is taken from that, too. So the agent bounds all its targets together.
 *
 * Accounts are handed on, not looked up: struct memory, through which a target is read, has its
 * account, and so has struct heap; what is made from either takes its memory there. An account kept
 * beside the code, one for each thread, would have changed fewer lines; but it could not say of a
 * line of code who pays for it, and memory taken in a thread that serves several targets, or in a
 * callback, would go to the wrong one, or to none, without anybody noticing.
 *
 * Memory remembers its account and its size in 16 bytes before it, so releasing it needs neither.
 * An account lives on until all that was taken from it is back, so it does not matter which of the
 * two goes first. account__free() and free() are not interchangeable: each aborts on the other's
 * memory, at the first try.
 *
 * Where an @account is asked for, NULL is one without limit that counts nothing: for what is no
 * target's, such as the recorded memory of tests. All functions may be called in several threads at
 * a time.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"

struct account;

/*
 * An account for at most @limit_bytes, as part of @parent, which may be NULL. Sizes are those that
 * malloc takes for them, its overhead and ours included. Returns 0 or -ENOMEM; the caller closes
 * it.
 */
int account__new(struct account **out, uint64_t limit_bytes, struct account *parent);

/*
 * The caller has no more use for the account; what was taken from it may be used on. NULL: nothing.
 */
void account__close(struct account *account);

/*
 * As malloc(), calloc(), realloc() and strdup(). They return NULL with errno EDQUOT where the limit
 * does not allow it, of the account or of one that it is part of, and ENOMEM where there is no
 * memory. What is reallocated stays in the account it was taken from; @account is for a @pointer
 * that is NULL.
 */
void *account__alloc(struct account *account, size_t size);
void *account__calloc(struct account *account, size_t cnt, size_t size);
void *account__realloc(struct account *account, void *pointer, size_t size);
char *account__strdup(struct account *account, const char *text);

/* Releases what came from one of the functions above, or from account__reserve(). NULL: nothing. */
void account__free(void *pointer);

/*
 * Makes room for @cnt items of @item_size bytes in *@items, as array__reserve() does. Returns 0,
 * -EDQUOT or -ENOMEM; on failure nothing has changed.
 */
int account__reserve(struct account *account, void **items, size_t *capacity, size_t cnt,
		     size_t item_size);

/* As above, with the item size taken from the pointer's type. */
#define ACCOUNT_RESERVE(account, items, capacity, cnt)                                             \
	account__reserve((account), (void **)&(items), &(capacity), (cnt), sizeof(*(items)))

/*
 * As qsort() and qsort_r() of @cnt items, but of none, too. The C library merges: it takes as much
 * memory as the items have once more, which is the account's meanwhile. Returns 0, -EDQUOT or
 * -ENOMEM; on failure nothing has changed.
 */
int account__sort(struct account *account, void *items, size_t cnt, size_t item_size,
		  int (*compare)(const void *, const void *));
int account__sort_r(struct account *account, void *items, size_t cnt, size_t item_size,
		    int (*compare)(const void *, const void *, void *), void *context);

/*
 * Whether @bytes more would be given, for what is known to need them: better not begun than given
 * up halfway. Returns 0 or -EDQUOT, which counts as a refusal. Nothing is taken.
 */
int account__check_room(struct account *account, uint64_t bytes);

/* Whether @err says that there is no memory, by the account's limit or at all. */
static inline bool account__is_short(int err)
{
	return err == -EDQUOT || err == -ENOMEM;
}

struct account_usage {
	uint64_t limit_bytes, used_bytes;
	uint64_t peak_bytes; /* the most that was in use at a time */
	uint64_t refused;    /* how often more was asked for than there is, by its parts, too */
};

/* Of NULL all is 0, but for the limit, which is UINT64_MAX. */
struct account_usage account__usage(const struct account *account);

/*
 * Has malloc keep little of what is freed, and in one place for all threads. An account knows what
 * is in use; malloc may keep as much again of what was freed, by default for each thread of its own
 * (mallopt(3), M_ARENA_MAX). To be called before threads are started that take memory in turn.
 */
void account__keep_little_freed(void);

/*
 * For tests: the @nth time that memory is asked for from now on (1: the next time) it is refused,
 * as if the limit were reached; 0: no more.
 */
void account__refuse_nth(struct account *account, uint64_t nth);

static inline void account__freep(void *pointer)
{
	account__free(*(void **)pointer);
}

#define _cleanup_account_free_ _cleanup_(account__freep)
