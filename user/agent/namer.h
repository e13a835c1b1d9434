/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that asks for the names of users: of directory services, over sockets, which the
 * reader may not open. All that it receives are numbers of users.
 */
#pragma once

/*
 * What it does; a struct part_options' run, on a socket that keeps messages apart (SOCK_SEQPACKET).
 */
int namer__run(int fd, const void *context);

/*
 * The other side: from then on user_name__of() asks the namer at @fd, and waits for NAMER_WAIT_MS
 * at most.
 */
void namer__use(int fd);

#define NAMER_WAIT_MS 200
