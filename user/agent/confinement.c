// SPDX-License-Identifier: BSD-2-Clause
#include "agent/confinement.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/call_filter.h"
#include "agent/landlock.h"
#include "util/capabilities.h"
#include "util/cleanup.h"
#include "util/log.h"

#define PATHS_MAX 40
#define NOBODY	  65534

/* Files that the C library and libcurl read to resolve names and check certificates. */
static const char *const connecting_paths[] = {
	"/etc/hosts",
	"/etc/host.conf",
	"/etc/nsswitch.conf",
	"/etc/gai.conf",
	"/etc/services",
	"/etc/protocols",
	"/etc/ld.so.cache",
	"/etc/resolv.conf",
	"/etc/ssl",
	"/etc/pki",
	"/etc/ca-certificates",
	"/etc/crypto-policies",
	"/etc/localtime",
	"/usr/share/ca-certificates",
	"/usr/share/pki",
	"/usr/lib",
	"/usr/lib64",
	"/usr/local/lib",
	"/usr/local/share/ca-certificates",
	"/lib",
	"/lib64",
	"/var/lib/ca-certificates",
	"/run/systemd/resolve",
	"/run/resolvconf",
	"/run/NetworkManager",
};

int confinement__of_reader(bool probes, struct failure *failure)
{
	static const unsigned int kept[] = {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH,
					    CAP_CHECKPOINT_RESTORE, CAP_BPF, CAP_PERFMON};
	int err = capabilities__keep(kept, ARRAY_SIZE(kept) - (probes ? 0 : 2), failure);

	return err ? err : call_filter__for_reader(probes, failure);
}

/* Does nothing on kernels without Landlock. The server logs that, on behalf of all processes. */
static int restrict_files(const char *const *paths, size_t cnt, bool says_so,
			  struct failure *failure)
{
	int err = landlock__read_only(paths, cnt, failure);

	if (err != -EOPNOTSUPP)
		return err;
	if (says_so)
		log_warning("%s: only the agent's user and its system call filters limit its "
			    "access to files (Landlock requires Linux 5.13 or later)",
			    failure->text);
	return 0;
}

int confinement__of_keeper(bool opens_events)
{
	static const unsigned int kept[] = {CAP_PERFMON, CAP_SYS_ADMIN};
	struct failure failure;
	int err = capabilities__keep(kept, opens_events ? ARRAY_SIZE(kept) : 0, &failure);

	if (!err)
		err = restrict_files(NULL, 0, false, &failure);
	return err ? err : call_filter__for_keeper(opens_events, &failure);
}

int confinement__of_broker(struct failure *failure)
{
	static const unsigned int kept[] = {CAP_DAC_READ_SEARCH};
	int err = capabilities__keep(kept, ARRAY_SIZE(kept), failure);

	if (!err)
		err = restrict_files(NULL, 0, false, failure);
	return err ? err : call_filter__for_broker(failure);
}

/*
 * Root could talk to services that trust root over Unix sockets, for example a container runtime.
 */
static int become_nobody(struct failure *failure)
{
	if (geteuid() != 0 || (!setgroups(0, NULL) && !setresgid(NOBODY, NOBODY, NOBODY) &&
			       !setresuid(NOBODY, NOBODY, NOBODY)))
		return 0;
	/*
	 * EPERM: it lacks the capability to change its user or groups. It still loses all
	 * capabilities.
	 */
	return errno == EPERM ? 0
			      : failure__set(failure, -errno, "cannot become user %d: %s", NOBODY,
					     strerror(errno));
}

int confinement__of_namer(struct failure *failure)
{
	static const char *const all[] = {"/"};
	int err;

	/* This needs CAP_SETPCAP, which the calls below drop. */
	capabilities__bound(NULL, 0);
	err = become_nobody(failure);
	if (!err)
		err = capabilities__keep(NULL, 0, failure);
	if (!err)
		err = restrict_files(all, ARRAY_SIZE(all), false, failure);
	return err ? err : call_filter__for_namer(failure);
}

int confinement__of_runner(struct failure *failure)
{
	int err = capabilities__keep(NULL, 0, failure);

	return err ? err : call_filter__for_runner(failure);
}

/*
 * The directory of @path after following links. The whole directory is allowed, as the file in it
 * may be replaced. The caller frees the result.
 */
static char *directory_of(const char *path)
{
	_cleanup_free_ char *real = realpath(path, NULL);
	char *slash = real ? strrchr(real, '/') : NULL;

	if (!slash)
		return NULL;
	slash[slash == real] = '\0';
	return TAKE_PTR(real);
}

int confinement__of_server(bool connects, struct failure *failure)
{
	_cleanup_free_ char *resolver = connects ? directory_of("/etc/resolv.conf") : NULL;
	const char *paths[PATHS_MAX];
	size_t cnt = 0;
	int err = capabilities__keep(NULL, 0, failure);

	if (err)
		return err;
	for (size_t i = 0; connects && i < ARRAY_SIZE(connecting_paths); i++)
		paths[cnt++] = connecting_paths[i];
	/*
	 * Allow all of /etc, so that files in it can be replaced. Without root, this exposes no
	 * secrets.
	 */
	if (connects && geteuid() != 0)
		paths[cnt++] = "/etc";
	if (resolver && strcmp(resolver, "/etc") != 0)
		paths[cnt++] = resolver;
	err = restrict_files(paths, cnt, true, failure);
	return err ? err : call_filter__for_server(connects, failure);
}
