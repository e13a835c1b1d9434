// SPDX-License-Identifier: BSD-2-Clause
#include "probes/multi_link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes/bpf_compat.h"
#include "pyfrag/events.h"
#include "util/cleanup.h"

static uint64_t encode_cookie(const struct pyfrag_site *site)
{
	uint64_t cookie;

	_Static_assert(sizeof(*site) == sizeof(cookie), "a site is one cookie");
	memcpy(&cookie, site, sizeof(cookie));
	return cookie;
}

/* A link of its own for @prog_fd at the sites of @link. Returns a file descriptor or negative errno. */
static int link_program(const struct multi_link *link, int prog_fd, const uint64_t *cookies)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", link->file_fd);
	return bpf_compat__link_uprobe_multi(prog_fd, path, link->offsets, cookies, link->cnt,
					     link->pid);
}

int multi_link__attach(struct multi_link *out, int prog_fd, const struct site *const *sites,
		       size_t cnt, int file_fd, pid_t pid)
{
	_cleanup_(multi_link__detach) struct multi_link link = {
		.fd = -1,
		.file_fd = fcntl(file_fd, F_DUPFD_CLOEXEC, 0),
		.pid = pid,
		.offsets = calloc(cnt, sizeof(*link.offsets)),
		.cnt = cnt,
	};
	_cleanup_free_ uint64_t *cookies = calloc(cnt, sizeof(*cookies));

	if (link.file_fd < 0)
		return -errno;
	if (!link.offsets || !cookies)
		return -ENOMEM;
	for (size_t i = 0; i < cnt; i++) {
		link.offsets[i] = sites[i]->offset;
		cookies[i] = encode_cookie(&sites[i]->probe);
	}
	link.fd = link_program(&link, prog_fd, cookies);
	if (link.fd < 0)
		return link.fd;
	*out = link;
	link = (struct multi_link){.fd = -1, .file_fd = -1};
	return 0;
}

int multi_link__spare_children(const struct multi_link *link, int prog_fd)
{
	int fd = link_program(link, prog_fd, NULL);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

void multi_link__detach(struct multi_link *link)
{
	closep(&link->fd);
	closep(&link->file_fd);
	free(link->offsets);
	*link = (struct multi_link){.fd = -1, .file_fd = -1};
}
