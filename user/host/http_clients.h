/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The connections of an HTTP server, and which of them have to go. Whoever can connect can hold
 * connections open, and send or take a byte now and then: so each request, with its answer, has a
 * deadline as a whole; and when an address, or all of them, have as many as they may, the oldest
 * one of the address that has most is closed for the new one. A client that asks at once is
 * answered long before it is the oldest, however many others wait.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define HTTP_CLIENTS_MAX 256
/*
 * Of one address: an IPv4 address, or the first 64 bits of an IPv6 address, which is what a host is
 * given.
 */
#define HTTP_CLIENTS_PER_ADDRESS 64
/* From connecting, or the end of the answer before, to the end of the answer. */
#define HTTP_REQUEST_NS (10 * 1000000000UL)

struct http_client {
	int fd; /* not owned */
	uint64_t since_ns;
	uint64_t address;
	uint8_t family;
	uint8_t is_closed; /* it was shut down, and is not gone yet */
	uint16_t like_cnt; /* of the same address, this one with them, that are not closed */
};

struct http_clients {
	struct http_client items[HTTP_CLIENTS_MAX + 1];
	size_t cnt;
	uint64_t closed_cnt; /* in all */
};

/* A number for whoever has @address, as far as clients are told apart. */
uint64_t http_clients__number_of(const struct sockaddr *address);

/*
 * A new connection, at @now_ns (as all times: of one clock that does not go back). If there are too
 * many another one is shut down; its owner notices by its descriptor.
 */
void http_clients__add(struct http_clients *clients, int fd, const struct sockaddr *address,
		       uint64_t now_ns);

/*
 * One has been answered, and may ask again; or it is gone. Others than those that were added are
 * ignored.
 */
void http_clients__renew(struct http_clients *clients, int fd, uint64_t now_ns);
void http_clients__remove(struct http_clients *clients, int fd);

/* Shuts down those whose time is over. */
void http_clients__expire(struct http_clients *clients, uint64_t now_ns);
