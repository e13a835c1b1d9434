// SPDX-License-Identifier: BSD-2-Clause
/*
 * Sends an event for each probe hit in the target's allocator, and a notice when the target forks
 * or executes another program.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "compat.bpf.h"
#include "emit.bpf.h"
#include "maps.bpf.h"
#include "pyfrag/pool_header.h"
#include "pystack.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline bool read_user(void *value, __u32 size, __u64 address)
{
	if (!bpf_probe_read_user(value, size, (void *)address))
		return true;
	count(COUNTER_UNREADABLE);
	return false;
}

static __always_inline bool read_operand(struct pt_regs *ctx, const struct pyfrag_site *site,
					 __u64 *value)
{
	__u64 place = read_register(ctx, site->operand & 0x1f) + site->displacement;

	if (!(site->operand & PYFRAG_OPERAND_IN_MEMORY)) {
		*value = place;
		return true;
	}
	return read_user(value, sizeof(*value), place);
}

static __always_inline bool read_compared(struct pt_regs *ctx, const struct pyfrag_site *site,
					  __u8 operand, __u32 *value)
{
	__u64 reg = read_register(ctx, operand & 0x1f);

	*value = reg;
	if (!(operand & PYFRAG_OPERAND_IN_MEMORY))
		return true;
	return read_user(value, sizeof(*value), reg + site->compared_displacement);
}

/*
 * A hit of the jump on `pool->szidx == size`. The pool still has its old class in memory, so the
 * operand that differs from it is the wanted class. If neither operand differs, the pool had the
 * wanted class before, and the block is the head of its list of free blocks. Otherwise the pool is
 * initialized next, and the block is the first one after the header.
 */
static __always_inline bool read_new_pool(struct pt_regs *ctx, const struct pyfrag_site *site,
					  __u64 pool, __u32 *size_class, __u64 *block)
{
	__u32 old, size, other;

	*block = pool + POOL_HEADER_BYTES;
	if (!read_compared(ctx, site, site->compared[0], &size) ||
	    !read_compared(ctx, site, site->compared[1], &other) ||
	    !read_user(&old, sizeof(old), pool + offsetof(struct pool_header, szidx)))
		return false;
	if (size == old)
		size = other;
	*size_class = size;
	return size != old ||
	       read_user(block, sizeof(*block), pool + offsetof(struct pool_header, freeblock));
}

/*
 * Whether the allocation of @address is sampled. The *size_class of an EVENT_ALLOC is not known
 * yet; it is read only if the decision depends on it.
 */
static __always_inline bool is_sampled(__u8 type, __u64 address, __u32 *size_class)
{
	__u64 pool = address & ~(stacks.pool_size - 1);
	__u32 point = next_point();

	if (!point)
		return false;
	if (type == EVENT_ALLOC &&
	    !read_user(size_class, sizeof(*size_class), pool + offsetof(struct pool_header, szidx)))
		return false;
	return point <= (*size_class + 1) * stacks.alignment;
}

/* Growth of the heap is always recorded with a stack, an allocation only if it is sampled. */
static __always_inline void emit_with_stack(__u8 type, __u32 size_class, __u64 address,
					    __u64 wakeup)
{
	bool grows = type == EVENT_NEW_POOL || type == EVENT_ARENA_MAP, sampled = false;
	__u8 flags = 0, step = 0;

	if (!with_stacks || !stacks.enabled) {
		emit(type, size_class, address, wakeup);
		return;
	}
	if (type == EVENT_ALLOC || type == EVENT_NEW_POOL)
		sampled = is_sampled(type, address, &size_class);
	if (sampled) {
		flags = PYFRAG_EVENT_SAMPLED;
		step = stacks.sample_step;
	}
	if (sampled || grows)
		emit_stacked(type, size_class, address, flags, step, current_stack(), wakeup);
	else
		emit(type, size_class, address, wakeup);
}

/*
 * Charges a hit, which costs the target time even if it is ignored. Returns false if the hit is to
 * be ignored because the budget is spent; user space is notified once, and detaches the probes.
 * Arena events are rare and never ignored. *number: the number of hits of the same cost on this CPU
 * so far.
 */
static __always_inline bool charge(const struct pyfrag_site *site, __u64 *number)
{
	__u32 cost = site->type & PYFRAG_SITE_STEPPED ? HITS_STEPPED : HITS_EMULATED;
	__u8 type = site->type & ~PYFRAG_SITE_STEPPED;
	__u32 kind = type <= EVENT_FREE ? ALLOW_BLOCKS : ALLOW_GROWTH;

	*number = increment(&hits, cost);
	if (!has_budget)
		return true;
	__sync_fetch_and_add(&spent_ns, hit_cost_ns[cost & 1]);
	if (type > EVENT_POOL_FREED || spent_ns <= allowance_ns[kind])
		return true;
	increment(&hits, HITS_IGNORED);
	if (!overrun[kind]) {
		overrun[kind] = 1;
		emit_notice(EVENT_OVERRUN, target_tgid);
	}
	return false;
}

SEC("uprobe")
int handle_site(struct pt_regs *ctx)
{
	struct pyfrag_site site;
	__u32 size_class = 0;
	__u64 operand = 0, number;

	if (current_tgid() != target_tgid) {
		count(COUNTER_FOREIGN);
		return 0;
	}
	if (!current_site(ctx, &site)) {
		count(COUNTER_UNKNOWN_SITE);
		return 0;
	}
	if (!charge(&site, &number))
		return 0;
	site.type &= ~PYFRAG_SITE_STEPPED;
	if (site.operand != PYFRAG_NO_REGISTER && !read_operand(ctx, &site, &operand))
		return 0;
	if (site.type == EVENT_NEW_POOL &&
	    !read_new_pool(ctx, &site, operand, &size_class, &operand))
		return 0;
	emit_with_stack(site.type, size_class, operand, wakeup_at(number));
	return 0;
}

/* Attached and detached again to remove breakpoints from child processes (probes/multi_link.h). */
SEC("uprobe")
int handle_nothing(struct pt_regs *ctx)
{
	(void)ctx;
	return 0;
}

SEC("raw_tp/sched_process_exec")
int handle_exec(struct bpf_raw_tracepoint_args *ctx)
{
	(void)ctx;
	if (current_tgid() == target_tgid)
		emit_notice(EVENT_EXEC, target_tgid);
	return 0;
}

/* args: parent, child. A new thread is not a fork. */
SEC("raw_tp/sched_process_fork")
int handle_fork(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *child = (struct task_struct *)ctx->args[1];
	__u32 child_tgid = BPF_CORE_READ(child, tgid);

	if (current_tgid() != target_tgid || child_tgid == bpf_get_current_pid_tgid() >> 32)
		return 0;
	emit_notice(EVENT_FORK, child_tgid);
	return 0;
}
