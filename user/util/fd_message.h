/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends and receives bytes together with file descriptors over a Unix socket (unix(7), SCM_RIGHTS).
 * The peer may have been compromised, so no more descriptors are accepted than the caller has room
 * for.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#define FD_MESSAGE_FDS_MAX 2

/*
 * Sends @bytes, and with the first byte copies of @fd_cnt descriptors (at most FD_MESSAGE_FDS_MAX);
 * the caller keeps its own. Returns the number of bytes sent, which may be less than @size on a
 * stream socket; -EPIPE if the peer is gone; or another negative errno.
 */
ssize_t fd_message__send(int socket_fd, const void *bytes, size_t size, const int *fds,
			 size_t fd_cnt);

/*
 * Receives up to @size bytes. Descriptors that come with them are stored in those elements of fds[0
 * .. FD_MESSAGE_FDS_MAX) that are -1, and belong to the caller; others are closed. Returns the
 * number of bytes; 0 if the peer is gone; or negative errno, without descriptors.
 */
ssize_t fd_message__receive(int socket_fd, void *bytes, size_t size, int *fds);
