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

int multi_link__init(struct multi_link *out, int prog_fd, const struct site *const *sites,
		     size_t cnt, int file_fd, pid_t pid)
{
	_cleanup_(multi_link__release) struct multi_link link = {
		.fd = -1,
		.file_fd = fcntl(file_fd, F_DUPFD_CLOEXEC, 0),
		.prog_fd = prog_fd,
		.pid = pid,
		.offsets = calloc(cnt, sizeof(uint64_t)),
		.cookies = calloc(cnt, sizeof(uint64_t)),
		.cnt = cnt,
	};

	if (link.file_fd < 0)
		return -errno;
	if (!link.offsets || !link.cookies)
		return -ENOMEM;
	for (size_t i = 0; i < cnt; i++) {
		struct pyfrag_site encoded = site__encode(sites[i]);

		_Static_assert(sizeof(encoded) == sizeof(*link.cookies), "a site is one cookie");
		link.offsets[i] = sites[i]->offset;
		memcpy(&link.cookies[i], &encoded, sizeof(encoded));
	}
	*out = link;
	link = (struct multi_link){.fd = -1, .file_fd = -1};
	return 0;
}

void multi_link__release(struct multi_link *link)
{
	multi_link__detach(link);
	closep(&link->file_fd);
	free(link->offsets);
	free(link->cookies);
	*link = (struct multi_link){.fd = -1, .file_fd = -1};
}

/* A link of its own for @prog_fd at the sites of @link. Returns a file descriptor or negative errno. */
static int link_program(const struct multi_link *link, int prog_fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", link->file_fd);
	return bpf_compat__link_uprobe_multi(prog_fd, path, link->offsets, link->cookies, link->cnt,
					     link->pid);
}

int multi_link__attach(struct multi_link *link)
{
	int fd = link->fd >= 0 ? link->fd : link_program(link, link->prog_fd);

	if (fd < 0)
		return fd;
	link->fd = fd;
	return 0;
}

void multi_link__detach(struct multi_link *link)
{
	closep(&link->fd);
	link->fd = -1;
}

int multi_link__spare_children(const struct multi_link *link, int prog_fd)
{
	int fd = link->fd < 0 ? 0 : link_program(link, prog_fd);

	if (fd <= 0)
		return fd;
	close(fd);
	return 0;
}
