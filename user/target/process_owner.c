// SPDX-License-Identifier: BSD-2-Clause
#include "target/process_owner.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "target/cgroup_path.h"
#include "target/memory_thread.h"
#include "target/namespace_owner.h"
#include "target/proc_text.h"
#include "util/cleanup.h"
#include "util/hash.h"

#define OWNER_IS_TRUSTED  (1UL << 62)
#define CGROUPS_BYTES_MAX (64UL << 10)

static process_owner owner_of_group(const char *path, size_t length)
{
	return (hash__bytes(path, length) & ~OWNER_IS_TRUSTED) | OWNER_IS_GROUP;
}

process_owner process_owner__decide(const char *cgroups, uid_t uid, bool is_of_host)
{
	const char *unit = "/", *path;
	size_t unit_length = 1;

	/* A line is "NUMBER:CONTROLLERS:PATH", one for each hierarchy (cgroups(7)). */
	for (const char *line = cgroups; *line; line += *line == '\n') {
		bool is_container = false;
		size_t length;

		path = strchr(line, ':');
		path = path ? strchr(path + 1, ':') : NULL;
		if (!path)
			break;
		length = cgroup_path__outermost(++path, &is_container);
		if (is_container)
			return owner_of_group(path, length);
		if (unit_length == 1 && length > 1) {
			unit = path;
			unit_length = length;
		}
		line = path + strcspn(path, "\n");
	}
	if (uid)
		return uid;
	return owner_of_group(unit, unit_length) | (is_of_host ? OWNER_IS_TRUSTED : 0);
}

static bool is_in_our_pid_namespace(pid_t pid)
{
	struct stat theirs, ours;
	char path[96];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, memory_thread__entry(pid, "ns/pid").name);
	return !stat(path, &theirs) && !stat("/proc/self/ns/pid", &ours) &&
	       theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

process_owner process_owner__of(pid_t pid, uid_t uid)
{
	_cleanup_(proc_text__release) struct proc_text cgroups = {};
	uid_t user = namespace_owner__of(pid, uid);

	if (proc_text__read(&cgroups, pid, memory_thread__entry(pid, "cgroup").name,
			    CGROUPS_BYTES_MAX))
		return process_owner__decide("", user, false);
	return process_owner__decide(cgroups.bytes, user, is_in_our_pid_namespace(pid));
}

bool process_owner__is_trusted(process_owner owner)
{
	return owner & OWNER_IS_GROUP && owner & OWNER_IS_TRUSTED;
}
