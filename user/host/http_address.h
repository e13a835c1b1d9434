/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The addresses of an HTTP server: the one it listens at, and the one that a request's Host header
 * names.
 *
 * What listens on loopback is meant for programs of this host, but a browser of this host is led
 * there by any web page whose name resolves to 127.0.0.1 after the page was loaded (DNS rebinding).
 * Such a request has the page's name in its Host header: so a server on loopback answers those only
 * that name loopback.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/*
 * Cuts "HOST:PORT" up: copies HOST, without the brackets that an IPv6 address has, into @host of
 * @size bytes, and points *port to PORT, which is a number from 1 to 65535. Returns whether @text
 * is such an address and HOST has room.
 */
bool http_address__split(const char *text, char *host, size_t size, const char **port);

/*
 * Whether @address can be reached from this host only: 127.0.0.0/8, ::1, or the former mapped into
 * IPv6.
 */
bool http_address__is_loopback(const struct sockaddr *address);

/*
 * Whether a Host header names loopback: localhost, an address of 127.0.0.0/8 in four decimal parts,
 * [::1], each with or without a port (RFC 9110, 7.2).
 */
bool http_address__names_loopback(const char *header);
