/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses of an HTTP server: the one on which it listens, and the one in a request's Host header.
 *
 * A server on loopback is meant for programs of this host. But any web page whose name is made to
 * resolve to 127.0.0.1 after it was loaded (DNS rebinding) can direct a browser of this host to it.
 * Such a request has the page's name in its Host header, so a server on loopback only answers
 * requests whose Host header names loopback.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/*
 * Splits "HOST:PORT": copies HOST, without the brackets of an IPv6 address, into @host of @size
 * bytes, and points *port to PORT, a number from 1 to 65535. Returns whether @text is such an
 * address and HOST fits.
 */
bool http_address__split(const char *text, char *host, size_t size, const char **port);

/* Whether only this host can reach @address: 127.0.0.0/8, ::1, or 127.0.0.0/8 mapped into IPv6. */
bool http_address__is_loopback(const struct sockaddr *address);

/*
 * Whether a Host header names loopback: localhost, an address of 127.0.0.0/8 as four decimal
 * numbers, or [::1], each with or without a port (RFC 9110, 7.2).
 */
bool http_address__names_loopback(const char *header);
