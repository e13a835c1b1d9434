/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pyfrag and its keeper say to each other, over a stream socket: a request with its
 * descriptors, what belongs to it, and an int as the answer.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "probes/uprobe_event.h"
#include "probes/uprobe_group.h"
#include "util/fd_message.h"

#define KEEPER_FDS_MAX FD_MESSAGE_FDS_MAX

/* More sites than any file has. */
#define KEEPER_SITES_MAX (1U << 20)

enum keeper_verb {
	KEEPER_OPEN,   /* with a socket: serve it, in a process of its own. No answer */
	KEEPER_ATTACH, /* with a program and a file; offsets and cookies follow. Answer: a number */
	/* with a program and, of one breakpoint only, a file: opens @event. Answer: a number */
	KEEPER_OPEN_EVENT,
	/* with what groups are defined in: removes @group in the end. Answer: 0 */
	KEEPER_REMOVE_GROUP,
	KEEPER_RELEASE, /* Answer: 0 */
};

struct keeper_request {
	enum keeper_verb verb;
	int32_t number; /* to be released */
	int32_t pid;
	uint32_t site_cnt;
	struct uprobe_event event;
	struct uprobe_group group;
};

/*
 * Sends @size bytes, with @fd_cnt descriptors (copies: the caller's stay its own). Returns 0 or
 * negative errno; -EPIPE if nobody is there any more.
 */
int keeper_message__send(int socket_fd, const void *bytes, size_t size, const int *fds,
			 size_t fd_cnt);

/*
 * Receives @size bytes, and the descriptors that come with them into fds[0 .. KEEPER_FDS_MAX): the
 * caller's, -1 where there is none. Returns 0; -EPIPE if nobody is there any more; or negative
 * errno, with no descriptor received.
 */
int keeper_message__receive(int socket_fd, void *bytes, size_t size, int *fds);
