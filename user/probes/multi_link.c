// SPDX-License-Identifier: BSD-2-Clause
#include "probes/multi_link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pyfrag/events.h"
#include "util/cleanup.h"

int multi_link__init(struct multi_link *out, struct keeper *keeper, int prog_fd,
		     const struct site *const *sites, size_t cnt, int file_fd, pid_t pid)
{
	_cleanup_(multi_link__release) struct multi_link link = {
		.keeper = keeper,
		.number = -1,
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
	link = (struct multi_link){.number = -1, .file_fd = -1};
	return 0;
}

void multi_link__release(struct multi_link *link)
{
	multi_link__detach(link);
	closep(&link->file_fd);
	free(link->offsets);
	free(link->cookies);
	*link = (struct multi_link){.number = -1, .file_fd = -1};
}

/* Attaches a new link for @prog_fd to the sites of @link. Returns its number or negative errno. */
static int link_program(const struct multi_link *link, int prog_fd)
{
	const struct keeper_link wanted = {
		.prog_fd = prog_fd,
		.file_fd = link->file_fd,
		.pid = link->pid,
		.offsets = link->offsets,
		.cookies = link->cookies,
		.cnt = link->cnt,
	};

	return keeper__attach(link->keeper, &wanted);
}

int multi_link__attach(struct multi_link *link)
{
	int number = link->number >= 0 ? link->number : link_program(link, link->prog_fd);

	if (number < 0)
		return number;
	link->number = number;
	return 0;
}

int multi_link__detach(struct multi_link *link)
{
	return link->number < 0 ? 0 : keeper__release(link->keeper, TAKE_FD(link->number));
}

int multi_link__spare_children(const struct multi_link *link, int prog_fd)
{
	int number;

	if (link->number < 0)
		return 0;
	number = link_program(link, prog_fd);
	return number < 0 ? number : keeper__release(link->keeper, number);
}
