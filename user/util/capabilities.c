// SPDX-License-Identifier: BSD-2-Clause
#include "util/capabilities.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool is_among(unsigned int capability, const unsigned int *kept, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++)
		if (kept[i] == capability)
			return true;
	return false;
}

/* Asks the kernel, because libcap-ng caches what it has read, for all threads. */
bool capabilities__has(unsigned int capability)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

	return capability <= CAP_LAST_CAP && !syscall(SYS_capget, &head, data) &&
	       data[capability / 32].effective & 1U << capability % 32;
}

/* The kernel may know more capabilities than the headers of the build. */
void capabilities__bound(const unsigned int *kept, size_t cnt)
{
	for (unsigned int i = 0; prctl(PR_CAPBSET_READ, i) >= 0; i++)
		if (!is_among(i, kept, cnt))
			prctl(PR_CAPBSET_DROP, i);
}

int capabilities__keep(const unsigned int *kept, size_t cnt, struct failure *failure)
{
	bool had[CAP_LAST_CAP + 1], failed = false;

	capng_get_caps_process();
	for (unsigned int i = 0; i <= CAP_LAST_CAP; i++)
		had[i] = capng_have_capability(CAPNG_PERMITTED, i);
	capabilities__bound(kept, cnt);
	capng_clear(CAPNG_SELECT_CAPS);
	for (size_t i = 0; i < cnt; i++)
		if (had[kept[i]])
			failed |= capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
					       kept[i]) != 0;
	if (failed || capng_apply(CAPNG_SELECT_CAPS))
		return failure__set(failure, -EPERM, "cannot give up capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return failure__set(failure, -errno, "cannot set no_new_privs: %s",
				    strerror(errno));
	return 0;
}

int capabilities__use(const unsigned int *used, size_t cnt, struct failure *failure)
{
	bool failed = false;

	capng_get_caps_process();
	for (unsigned int i = 0; i <= CAP_LAST_CAP; i++)
		failed |= capng_update(is_among(i, used, cnt) &&
						       capng_have_capability(CAPNG_PERMITTED, i)
					       ? CAPNG_ADD
					       : CAPNG_DROP,
				       CAPNG_EFFECTIVE, i) != 0;
	if (failed || capng_apply(CAPNG_SELECT_CAPS))
		return failure__set(failure, -EPERM, "cannot set capabilities");
	return 0;
}
