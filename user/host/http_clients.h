/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The connections of an HTTP server, and which of them to close. Anyone who can connect can hold
 * connections open by sending or reading a byte now and then. Therefore each request has a deadline
 * that includes its answer, and when an address, or all together, have too many connections, the
 * oldest one of the address with the most is closed. A client that sends its request immediately is
 * answered long before it is the oldest, however many others wait.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define HTTP_CLIENTS_MAX 256
/*
 * For one address: an IPv4 address, or the first 64 bits of an IPv6 address, because a host usually
 * has such a prefix for itself.
 */
#define HTTP_CLIENTS_PER_ADDRESS 64
/* From connecting, or the end of the previous answer, to the end of the answer. */
#define HTTP_REQUEST_NS (10 * 1000000000UL)

struct http_client {
	int fd; /* not owned */
	uint64_t since_ns;
	uint64_t address;
	uint8_t family;
	uint8_t is_closed; /* it was shut down but not removed yet */
	uint16_t like_cnt; /* open connections from the same address, including this one */
};

struct http_clients {
	struct http_client items[HTTP_CLIENTS_MAX + 1];
	size_t cnt;
	uint64_t closed_cnt; /* in total */
};

/*
 * Identifies a client by its address: a whole IPv4 address, or the first 64 bits of an IPv6
 * address.
 */
uint64_t http_clients__number_of(const struct sockaddr *address);

/*
 * Adds a new connection at @now_ns; all times must be of the same monotonic clock. If there are too
 * many, another one is shut down, which its owner sees at its descriptor.
 */
void http_clients__add(struct http_clients *clients, int fd, const struct sockaddr *address,
		       uint64_t now_ns);

/*
 * Notes that a client was answered and may send another request, or that it is gone. Unknown
 * descriptors are ignored.
 */
void http_clients__renew(struct http_clients *clients, int fd, uint64_t now_ns);
void http_clients__remove(struct http_clients *clients, int fd);

/* Shuts down connections that have exceeded their deadline. */
void http_clients__expire(struct http_clients *clients, uint64_t now_ns);
