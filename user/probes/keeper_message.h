/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The messages between pyfrag and its keeper, over a stream socket: a request with its descriptors,
 * data that belongs to it, and an int as the answer.
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
	KEEPER_OPEN,   /* takes a socket, and serves it in a new process. No answer */
	KEEPER_ATTACH, /* takes a program and a file; offsets and cookies follow. Answer: number */
	/* takes a program and, for a single breakpoint, a file; opens @event. Answer: number */
	KEEPER_OPEN_EVENT,
	/* takes the file in which groups are defined; removes @group at the end. Answer: 0 */
	KEEPER_REMOVE_GROUP,
	KEEPER_RELEASE, /* Answer: 0 */
};

struct keeper_request {
	enum keeper_verb verb;
	int32_t number; /* which one to release */
	int32_t pid;
	uint32_t site_cnt;
	struct uprobe_event event;
	struct uprobe_group group;
};

/*
 * Sends @size bytes with copies of @fd_cnt descriptors; the caller keeps its own. Returns 0 or
 * negative errno; -EPIPE if the peer is gone.
 */
int keeper_message__send(int socket_fd, const void *bytes, size_t size, const int *fds,
			 size_t fd_cnt);

/*
 * Receives @size bytes, and stores the descriptors that come with them in fds[0 .. KEEPER_FDS_MAX),
 * -1 where there is none; the caller owns them. Returns 0; -EPIPE if the peer is gone; or another
 * negative errno. On error no descriptor is received.
 */
int keeper_message__receive(int socket_fd, void *bytes, size_t size, int *fds);
