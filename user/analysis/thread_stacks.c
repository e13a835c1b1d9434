// SPDX-License-Identifier: BSD-2-Clause
#include "analysis/thread_stacks.h"

#include <errno.h>
#include <string.h>

#include "malloc/writable_data.h"
#include "util/account.h"
#include "util/address_set.h"
#include "util/cleanup.h"
#include "util/partition_point.h"
#include "util/word.h"

/* Offsets in struct pthread. Descriptors are aligned to 64 bytes, and so are links of lists. */
#define DESCRIPTOR_ALIGNMENT 64
#define LIST_OFFSET	     0x2c0
#define TID_OFFSET	     0x2d0
#define STACK_OFFSET	     0x690

#define PAGE_BYTES	4096
#define STACK_BYTES_MAX (1UL << 40)
/* A process has at most some 32,000 threads, unless the administrator raises that. */
#define DESCRIPTORS_MAX (1UL << 18)
/* A hostile target may have words like ends of lists anywhere: so many are looked at closely. */
#define CANDIDATES_MAX 4096

/* What is needed of struct pthread. */
struct descriptor {
	uint64_t address;
	uint64_t next, previous; /* addresses of links in other descriptors, or of a list's end */
	int32_t tid;		 /* in the target's PID namespace; 0: it has ended */
	uint64_t stack, stack_bytes, guard_bytes; /* the guard is at the start of the stack */
};

struct thread_id {
	pid_t inner_id; /* in the target's PID namespace */
	size_t item;
};

struct search {
	struct thread_stacks *out;
	const struct target *target;
	const struct mappings *mappings;
	struct address_set seen; /* descriptors */
	size_t candidates;
	struct thread_id *ids; /* of the first items of @out, which are threads; by inner_id */
	size_t thread_cnt, id_capacity;
};

static void search__release(struct search *search)
{
	address_set__release(&search->seen);
	account__free(search->ids);
}

void thread_stacks__release(struct thread_stacks *stacks)
{
	account__free(stacks->items);
	account__free(stacks->placeless);
	*stacks = (struct thread_stacks){};
}

static int add_item(struct search *search, const struct thread_stack *stack)
{
	struct thread_stacks *out = search->out;
	int err = ACCOUNT_RESERVE(search->target->memory->account, out->items, out->capacity,
				  out->cnt + 1);

	if (!err)
		out->items[out->cnt++] = *stack;
	return err;
}

static int add_thread(const struct target_thread *thread, void *context)
{
	struct search *search = context;
	struct thread_stack stack = {
		.thread = thread->id,
		.has_stack_pointer = thread->has_stack_pointer,
		.stack_pointer = thread->stack_pointer,
	};
	int err = ACCOUNT_RESERVE(search->target->memory->account, search->ids, search->id_capacity,
				  search->thread_cnt + 1);

	if (err)
		return err;
	search->ids[search->thread_cnt] = (struct thread_id){thread->inner_id, search->thread_cnt};
	search->thread_cnt++;
	memcpy(stack.name, thread->name, sizeof(stack.name));
	return add_item(search, &stack);
}

/* Whether @address is in memory without a file, where a descriptor may be. */
static bool is_anonymous(const struct search *search, uint64_t address)
{
	const struct mapping *maps = search->mappings->items;
	size_t i = PARTITION_POINT(map, maps, search->mappings->cnt, map->end <= address);

	return i < search->mappings->cnt && maps[i].start <= address && !maps[i].inode &&
	       maps[i].readable && maps[i].writable;
}

/* Returns 0; -EFAULT if the descriptor at @address is none; or as memory__read(). */
static int read_descriptor(struct descriptor *out, const struct search *search, uint64_t address)
{
	const struct memory *memory = search->target->memory;
	uint64_t head[3], list[3], stack[3];
	struct memory_range ranges[] = {
		{.address = address, .buffer = head, .size = sizeof(head)},
		{.address = address + LIST_OFFSET, .buffer = list, .size = sizeof(list)},
		{.address = address + STACK_OFFSET, .buffer = stack, .size = sizeof(stack)},
	};
	int err = memory__read_ranges(memory, ranges, ARRAY_SIZE(ranges));

	if (err)
		return err;
	if (ranges[0].failed || ranges[1].failed || ranges[2].failed || head[0] != address ||
	    head[2] != address)
		return -EFAULT;
	*out = (struct descriptor){
		.address = address,
		.next = list[0],
		.previous = list[1],
		.tid = (int32_t)list[2],
		.stack = stack[0],
		.stack_bytes = stack[1],
		.guard_bytes = stack[2],
	};
	return 0;
}

/* The first thread's descriptor has no stack: the kernel has made that. */
static bool has_stack(const struct descriptor *descriptor)
{
	return descriptor->stack && descriptor->stack % PAGE_BYTES == 0 &&
	       descriptor->stack_bytes % PAGE_BYTES == 0 &&
	       descriptor->stack_bytes <= STACK_BYTES_MAX &&
	       descriptor->guard_bytes % PAGE_BYTES == 0 &&
	       descriptor->guard_bytes < descriptor->stack_bytes &&
	       descriptor->address - descriptor->stack < descriptor->stack_bytes;
}

static int compare_ids(const void *a, const void *b)
{
	const struct thread_id *left = a, *right = b;

	return (left->inner_id > right->inner_id) - (left->inner_id < right->inner_id);
}

static struct thread_stack *find_thread(const struct search *search, int32_t tid)
{
	size_t i = PARTITION_POINT(id, search->ids, search->thread_cnt, id->inner_id < tid);

	return i < search->thread_cnt && search->ids[i].inner_id == tid
		       ? &search->out->items[search->ids[i].item]
		       : NULL;
}

static int take_descriptor(struct search *search, const struct descriptor *descriptor)
{
	struct thread_stack *thread = find_thread(search, descriptor->tid), stack = {};

	if (thread)
		thread->thread_pointer = descriptor->address;
	if (!has_stack(descriptor))
		return 0;
	if (thread)
		stack = *thread;
	stack.guard_start = descriptor->stack;
	stack.start = descriptor->stack + descriptor->guard_bytes;
	stack.end = descriptor->stack + descriptor->stack_bytes;
	if (!thread)
		return add_item(search, &stack);
	*thread = stack;
	return 0;
}

/*
 * Follows a list from its end at @end, in one direction. *is_whole: it has led back there. It
 * breaks off where the target is changing it, or at a page that is swapped out.
 */
static int follow(struct search *search, uint64_t end, uint64_t link, bool is_forward,
		  bool *is_whole)
{
	struct descriptor descriptor;

	*is_whole = false;
	while (link != end) {
		int is_new = 0, err;

		if (link % DESCRIPTOR_ALIGNMENT || !is_anonymous(search, link))
			return 0;
		if (search->seen.cnt < DESCRIPTORS_MAX)
			is_new = address_set__add(&search->seen, link);
		search->out->refused_cnt += is_forward && !is_new;
		if (is_new <= 0)
			return is_new;
		err = read_descriptor(&descriptor, search, link - LIST_OFFSET);
		if (!err)
			err = take_descriptor(search, &descriptor);
		if (err)
			return err == -EFAULT ? 0 : err;
		link = is_forward ? descriptor.next : descriptor.previous;
	}
	*is_whole = true;
	return 0;
}

/* Whether a list may end at @address: these two words lead to descriptors, and back. */
static int is_end(struct search *search, uint64_t address, const uint64_t words[2], bool *is)
{
	struct descriptor descriptor;
	int err;

	*is = false;
	if (!words[0] || words[0] % DESCRIPTOR_ALIGNMENT || words[1] % DESCRIPTOR_ALIGNMENT ||
	    words[0] == address || search->candidates >= CANDIDATES_MAX ||
	    !is_anonymous(search, words[0]) || !is_anonymous(search, words[1]))
		return 0;
	search->candidates++;
	err = read_descriptor(&descriptor, search, words[0] - LIST_OFFSET);
	*is = !err && descriptor.previous == address;
	return err == -EFAULT ? 0 : err;
}

static int look_at_piece(const struct writable_piece *piece, void *context)
{
	struct search *search = context;
	int err = 0;

	for (size_t at = 0; at < piece->size && at + 16 <= piece->extent && !err; at += 8) {
		const uint64_t words[] = {word_at(piece->bytes + at),
					  word_at(piece->bytes + at + 8)};
		uint64_t address = piece->address + at;
		bool is, is_whole;

		err = is_end(search, address, words, &is);
		if (err || !is)
			continue;
		search->out->has_lists = true;
		err = follow(search, address, words[0], true, &is_whole);
		if (!err && !is_whole)
			err = follow(search, address, words[1], false, &is_whole);
	}
	return err;
}

/* The kernel makes the stack of the first thread, and names it. */
static void add_first_stack(struct search *search)
{
	struct thread_stack *first = NULL;

	for (size_t i = 0; i < search->thread_cnt && !first; i++)
		if (search->out->items[i].thread == search->target->pid)
			first = &search->out->items[i];
	for (size_t i = 0; i < search->mappings->cnt && first; i++) {
		const struct mapping *mapping = &search->mappings->items[i];

		if (strcmp(mapping->path, "[stack]") != 0)
			continue;
		first->guard_start = first->start = mapping->start;
		first->end = mapping->end;
	}
}

static int compare_pointers(const void *a, const void *b, void *context)
{
	const struct thread_stack *items = context, *left = &items[*(const size_t *)a],
				  *right = &items[*(const size_t *)b];

	return (left->stack_pointer > right->stack_pointer) -
	       (left->stack_pointer < right->stack_pointer);
}

static int list_placeless(struct thread_stacks *out, struct account *account)
{
	out->placeless = account__calloc(account, out->cnt + 1, sizeof(*out->placeless));
	if (!out->placeless)
		return -errno;
	for (size_t i = 0; i < out->cnt; i++)
		if (!out->items[i].end && out->items[i].has_stack_pointer)
			out->placeless[out->placeless_cnt++] = i;
	return account__sort_r(account, out->placeless, out->placeless_cnt, sizeof(*out->placeless),
			       compare_pointers, out->items);
}

int thread_stacks__find(struct thread_stacks *out, const struct target *target,
			const struct mappings *mappings)
{
	_cleanup_(search__release) struct search search = {
		.out = out,
		.target = target,
		.mappings = mappings,
		.seen = {.ids.map.account = target->memory->account},
	};
	bool is_cut;
	int err = target__visit_threads(target, add_thread, &search);

	if (err)
		return err;
	add_first_stack(&search);
	err = account__sort(target->memory->account, search.ids, search.thread_cnt,
			    sizeof(*search.ids), compare_ids);
	if (!err)
		err = writable_data__visit(target->memory, mappings->items, mappings->cnt,
					   look_at_piece, &search, &is_cut);
	return err ? err : list_placeless(out, target->memory->account);
}

struct thread_stack *thread_stacks__find_pointer(const struct thread_stacks *stacks, uint64_t start,
						 uint64_t end)
{
	size_t i = PARTITION_POINT(number, stacks->placeless, stacks->placeless_cnt,
				   stacks->items[*number].stack_pointer < start);
	struct thread_stack *stack =
		i < stacks->placeless_cnt ? &stacks->items[stacks->placeless[i]] : NULL;

	return stack && stack->stack_pointer < end ? stack : NULL;
}
