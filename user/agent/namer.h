/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that resolves user ids to names. That may take a directory service behind a socket,
 * and the reader may not open sockets. The namer receives nothing but user ids.
 */
#pragma once

/*
 * The run function of its struct part_options. @fd is a socket that preserves message boundaries
 * (SOCK_SEQPACKET).
 */
int namer__run(int fd, const void *context);

/*
 * For the clients of the namer: makes user_name__of() of this process ask the namer at @fd, and
 * wait for at most NAMER_WAIT_MS.
 */
void namer__use(int fd);

#define NAMER_WAIT_MS 200
