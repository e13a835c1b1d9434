// SPDX-License-Identifier: BSD-2-Clause
#include "target/process_owner.h"

#include <errno.h>
#include <string.h>

#include "target/cgroup_path.h"
#include "target/memory_thread.h"
#include "target/namespace_owner.h"
#include "target/proc_fields.h"
#include "target/proc_text.h"
#include "util/cleanup.h"
#include "util/hash.h"

#define OWNER_IS_TRUSTED  (1UL << 62)
#define CGROUPS_BYTES_MAX (64UL << 10)
/* The number of users that one user may usually act as in user namespaces (subuid(5)). */
#define SUBORDINATE_USERS 65536

static process_owner owner_of_group(const char *path, size_t length)
{
	return (hash__bytes(path, length) & ~OWNER_IS_TRUSTED) | OWNER_IS_GROUP;
}

process_owner process_owner__decide(const char *cgroups, uid_t uid, bool is_of_host)
{
	const char *unit = "/", *path;
	size_t unit_length = 1;

	/* A line is "NUMBER:CONTROLLERS:PATH", one per hierarchy (cgroups(7)). */
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

static process_owner decide(pid_t pid, uid_t user, bool is_of_host)
{
	_cleanup_(proc_text__release) struct proc_text cgroups = {};

	if (proc_text__read(&cgroups, pid, memory_thread__entry(pid, "cgroup").name,
			    CGROUPS_BYTES_MAX))
		return process_owner__decide("", user, false);
	return process_owner__decide(cgroups.bytes, user, is_of_host);
}

process_owner process_owner__of(pid_t pid, uid_t uid, bool is_of_host)
{
	uid_t user = namespace_owner__is_ours(pid) ? uid : namespace_owner__of(pid, uid);

	return decide(pid, user, is_of_host);
}

int process_owner__of_now(process_owner *out, pid_t pid, uid_t uid, bool is_of_host)
{
	process_owner owner = decide(pid, uid, is_of_host);

	if ((uid && owner & OWNER_IS_GROUP) || namespace_owner__is_ours(pid)) {
		*out = owner;
		return 0;
	}
	*out = owner == uid && uid >= SUBORDINATE_USERS ? OWNER_IS_GROUP | uid / SUBORDINATE_USERS
							: owner;
	return -EAGAIN;
}

bool process_owner__is_trusted(process_owner owner)
{
	return owner & OWNER_IS_GROUP && owner & OWNER_IS_TRUSTED;
}

int process_credentials__read(struct process_credentials *out, pid_t pid)
{
	_cleanup_(proc_text__release) struct proc_text status = {};
	int err = proc_text__read(&status, pid, "status", PROC_STATUS_BYTES_MAX);

	if (!err)
		err = proc_fields__user(status.bytes, &out->uid);
	if (err)
		return err;
	out->is_of_host = proc_fields__is_in_own_pid_namespace(status.bytes);
	out->thread_group = proc_fields__thread_group(status.bytes);
	return out->thread_group < 0 ? out->thread_group : 0;
}

int process_owner__find(pid_t pid, process_owner *owner)
{
	struct process_credentials credentials;
	int err = process_credentials__read(&credentials, pid);

	if (!err)
		*owner = process_owner__of(pid, credentials.uid, credentials.is_of_host);
	return err;
}

int process_owner__find_now(pid_t pid, process_owner *owner)
{
	struct process_credentials credentials;
	int err = process_credentials__read(&credentials, pid);

	return err ? err
		   : process_owner__of_now(owner, pid, credentials.uid, credentials.is_of_host);
}
