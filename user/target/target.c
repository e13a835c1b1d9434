// SPDX-License-Identifier: BSD-2-Clause
#include "target/target.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>

#include "target/proc_fields.h"
#include "util/capabilities.h"
#include "util/partition_point.h"

void target__forget_maps(struct target *target)
{
	struct mappings mappings = {.items = target->maps, .cnt = target->map_cnt};

	mappings__release(&mappings);
	target->maps = NULL;
	target->map_cnt = 0;
}

void target__free(struct target *target)
{
	if (!target)
		return;
	target__forget_maps(target);
	proc_fields__free_arguments(target->cmdline);
	free(target->comm);
	free(target->exe);
	free(target->cgroup);
	target->ops->free(target);
}

void target__freep(struct target **target)
{
	target__free(*target);
}

const char *target__refusal(void)
{
	return capabilities__has(CAP_SYS_PTRACE)
		       ? "denied despite CAP_SYS_PTRACE, either by a security module (AppArmor, "
			 "SELinux, Yama) or because the process is in another user namespace"
		       : "run as root or with CAP_SYS_PTRACE";
}

int target__reload_maps(struct target *target, struct failure *failure)
{
	struct mappings mappings;
	int err = target->ops->read_mappings(target, &mappings);

	if (err == -EACCES || err == -EPERM)
		return failure__set(failure, err,
				    "process %d (%s): not allowed to read its memory map; %s",
				    target->pid, target->comm, target__refusal());
	if (err)
		return failure__set(failure, err, "process %d (%s): cannot read its memory map: %s",
				    target->pid, target->comm, strerror(-err));
	target__forget_maps(target);
	target->maps = mappings.items;
	target->map_cnt = mappings.cnt;
	target->maps_are_cut = mappings.is_cut;
	return 0;
}

const struct mapping *target__find_mapping(const struct target *target, uint64_t address)
{
	size_t i = PARTITION_POINT(map, target->maps, target->map_cnt, map->end <= address);

	return i < target->map_cnt && target->maps[i].start <= address ? &target->maps[i] : NULL;
}

int target__read_smaps(const struct target *target, struct smaps *out)
{
	return target->ops->read_smaps ? target->ops->read_smaps(target, out) : -ENODATA;
}

int target__measure_resident(const struct target *target, struct resident_range *ranges, size_t cnt)
{
	return target->ops->measure_resident ? target->ops->measure_resident(target, ranges, cnt)
					     : -ENODATA;
}

int target__residency_is_exact(const struct target *target)
{
	return target->ops->residency_is_exact ? target->ops->residency_is_exact(target) : -ENODATA;
}

int target__measure_shared(const struct target *target, struct resident_range *ranges, size_t cnt)
{
	return target->ops->measure_shared ? target->ops->measure_shared(target, ranges, cnt)
					   : -ENODATA;
}

int target__measure_swapped(const struct target *target, struct resident_range *ranges, size_t cnt)
{
	return target->ops->measure_swapped ? target->ops->measure_swapped(target, ranges, cnt)
					    : -ENODATA;
}

int target__measure_huge(const struct target *target, struct resident_range *ranges, size_t cnt)
{
	return target->ops->measure_huge ? target->ops->measure_huge(target, ranges, cnt)
					 : -ENODATA;
}

int target__find_resident(const struct target *target, uint64_t start, uint64_t end,
			  memory_run_fn *take, void *context)
{
	return target->ops->find_resident
		       ? target->ops->find_resident(target, start, end, take, context)
		       : -ENODATA;
}

int target__used_bytes(const struct target *target, uint64_t *bytes)
{
	return target->ops->used_bytes ? target->ops->used_bytes(target, bytes) : -ENODATA;
}

int target__visit_threads(const struct target *target, target_thread_fn *take, void *context)
{
	return target->ops->visit_threads ? target->ops->visit_threads(target, take, context)
					  : -ENODATA;
}

int target__user(const struct target *target, uid_t *out)
{
	return target->ops->user ? target->ops->user(target, out) : -ENODATA;
}

char *target__environment(const struct target *target, const char *name)
{
	return target->ops->environment ? target->ops->environment(target, name) : NULL;
}

bool target__is_alive(const struct target *target)
{
	return target->ops->is_alive ? target->ops->is_alive(target) : true;
}

int target__exit_fd(const struct target *target)
{
	return target->ops->exit_fd ? target->ops->exit_fd(target) : -ENODATA;
}

int target__cpu_ns(const struct target *target, uint64_t *ns)
{
	return target->ops->cpu_ns ? target->ops->cpu_ns(target, ns) : -ENODATA;
}

int target__activity(const struct target *target, struct target_activity *out)
{
	return target->ops->activity ? target->ops->activity(target, out) : -ENODATA;
}

int target__ready_threads(const struct target *target, struct ready_thread *out, size_t max,
			  size_t *cnt)
{
	return target->ops->ready_threads ? target->ops->ready_threads(target, out, max, cnt)
					  : -ENODATA;
}

int target__pause(struct target *target, struct failure *failure)
{
	int err = target->ops->pause ? target->ops->pause(target) : 0;

	return err ? failure__set(failure, err, "process %d (%s): cannot pause it: %s%s",
				  target->pid, target->comm, strerror(-err),
				  err == -EPERM ? " (is a debugger attached?)" : "")
		   : 0;
}

uint64_t target__resume(struct target *target)
{
	return target->ops->resume ? target->ops->resume(target) : 0;
}

int target__settle(struct target *target)
{
	return target->ops->settle ? target->ops->settle(target) : 0;
}
