// SPDX-License-Identifier: BSD-2-Clause
#include "host/http_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 64

bool http_address__split(const char *text, char *host, size_t size, const char **port)
{
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;
	long number;
	char *end;

	if (!colon || !length || colon[1] < '0' || colon[1] > '9')
		return false;
	errno = 0;
	number = strtol(colon + 1, &end, 10);
	if (errno || *end || number <= 0 || number > UINT16_MAX)
		return false;
	if (*text == '[') {
		if (text[length - 1] != ']')
			return false;
		text++;
		length -= 2;
	}
	if (!length || length >= size)
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	*port = colon + 1;
	return true;
}

static bool is_loopback4(const struct in_addr *address)
{
	return ntohl(address->s_addr) >> 24 == IN_LOOPBACKNET;
}

static bool is_loopback6(const struct in6_addr *address)
{
	struct in_addr mapped;

	if (!IN6_IS_ADDR_V4MAPPED(address))
		return IN6_IS_ADDR_LOOPBACK(address);
	memcpy(&mapped, &address->s6_addr[12], sizeof(mapped));
	return is_loopback4(&mapped);
}

bool http_address__is_loopback(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return is_loopback4(&((const struct sockaddr_in *)(const void *)address)->sin_addr);
	return address->sa_family == AF_INET6 &&
	       is_loopback6(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

/* The end of the name in a Host header, or NULL if it is followed by anything but a port. */
static const char *find_end(const char *header)
{
	const char *end = *header == '[' ? strchr(header, ']') : header + strcspn(header, ":");

	if (end && *header == '[')
		end++;
	if (!end || (*end && *end != ':'))
		return NULL;
	return *end && strspn(end + 1, "0123456789") != strlen(end + 1) ? NULL : end;
}

bool http_address__names_loopback(const char *header)
{
	const char *end = find_end(header);
	size_t length = end ? (size_t)(end - header) : 0;
	struct in6_addr address6;
	struct in_addr address4;
	char name[NAME_BYTES];

	if (!length || length >= sizeof(name))
		return false;
	memcpy(name, header, length);
	name[length] = '\0';
	if (*name == '[') {
		name[length - 1] = '\0';
		return inet_pton(AF_INET6, name + 1, &address6) == 1 && is_loopback6(&address6);
	}
	return !strcasecmp(name, "localhost") ||
	       (inet_pton(AF_INET, name, &address4) == 1 && is_loopback4(&address4));
}
