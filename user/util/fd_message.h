/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes with descriptors, over a Unix socket (unix(7), SCM_RIGHTS). The other side may have been
 * taken over: no more descriptors are received than there are places for.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#define FD_MESSAGE_FDS_MAX 2

/*
 * Sends @bytes, and with the first of them @fd_cnt descriptors (at most FD_MESSAGE_FDS_MAX; copies:
 * the caller's stay its own). Returns how many bytes were sent, of a stream fewer perhaps; -EPIPE:
 * nobody is there any more; or another negative errno.
 */
ssize_t fd_message__send(int socket_fd, const void *bytes, size_t size, const int *fds,
			 size_t fd_cnt);

/*
 * Receives up to @size bytes, and the descriptors that come with them into the places of fds[0 ..
 * FD_MESSAGE_FDS_MAX) that are -1: the caller's. Others are closed. Returns how many bytes; 0: the
 * other side is gone; or negative errno, without descriptors.
 */
ssize_t fd_message__receive(int socket_fd, void *bytes, size_t size, int *fds);
