// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"

/* To read other processes' memory, and what is said of them in /proc; and files that they have mapped, named or not. */
static const unsigned int kept[] = {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_CHECKPOINT_RESTORE};

/* Nobody who reads needs these. */
static const int refused[] = {
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(ptrace),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(setns),
	SCMP_SYS(unshare),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(reboot),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname),
	SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(keyctl),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(process_madvise),
	SCMP_SYS(setuid),
	SCMP_SYS(setgid),
	SCMP_SYS(setresuid),
	SCMP_SYS(setresgid),
	SCMP_SYS(personality),
	SCMP_SYS(io_uring_setup),
};

static const unsigned int kept_for_probes[] = {CAP_BPF, CAP_PERFMON};
static const int refused_without_probes[] = {SCMP_SYS(bpf), SCMP_SYS(perf_event_open)};
static const int refused_without_commands[] = {SCMP_SYS(execve), SCMP_SYS(execveat)};

/* Of what is asked for only what is there. Returns whether that worked. */
static bool keep(const unsigned int *capabilities, size_t cnt, const bool *had)
{
	for (size_t i = 0; i < cnt; i++)
		if (had[capabilities[i]] &&
		    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, capabilities[i]))
			return false;
	return true;
}

/*
 * The bounding set stays: with the filter comes no_new_privs, and what is executed then gains nothing.
 */
static int drop_capabilities(bool probes)
{
	bool had[CAP_LAST_CAP + 1];

	capng_get_caps_process();
	for (unsigned int i = 0; i <= CAP_LAST_CAP; i++)
		had[i] = capng_have_capability(CAPNG_PERMITTED, i);
	capng_clear(CAPNG_SELECT_CAPS);
	if (!keep(kept, ARRAY_SIZE(kept), had) ||
	    (probes && !keep(kept_for_probes, ARRAY_SIZE(kept_for_probes), had)))
		return -EPERM;
	return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}

static int refuse(scmp_filter_ctx filter, const int *calls, size_t cnt)
{
	int err = 0;

	for (size_t i = 0; i < cnt && !err; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[i], 0);
	return err;
}

static int filter_system_calls(const struct privileges *wanted)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int err = filter ? refuse(filter, refused, ARRAY_SIZE(refused)) : -ENOMEM;

	if (!err && !wanted->probes)
		err = refuse(filter, refused_without_probes, ARRAY_SIZE(refused_without_probes));
	if (!err && !wanted->commands)
		err = refuse(filter, refused_without_commands,
			     ARRAY_SIZE(refused_without_commands));
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err;
}

int privileges__drop(const struct privileges *wanted, struct failure *failure)
{
	int err = drop_capabilities(wanted->probes);

	if (err)
		return failure__set(failure, err, "cannot give up capabilities: %s",
				    strerror(-err));
	err = filter_system_calls(wanted);
	return err ? failure__set(failure, err, "cannot filter system calls: %s", strerror(-err))
		   : 0;
}
