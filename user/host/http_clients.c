// SPDX-License-Identifier: BSD-2-Clause
#include "host/http_clients.h"

#include <netinet/in.h>
#include <string.h>

#include "util/hash.h"

static void set_address(struct http_client *client, const struct sockaddr *address)
{
	const struct in6_addr *in6 =
		&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;

	client->family = (uint8_t)address->sa_family;
	if (address->sa_family == AF_INET) {
		client->address =
			((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr;
	} else if (address->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(in6)) {
		uint32_t mapped;

		memcpy(&mapped, &in6->s6_addr[12], sizeof(mapped));
		client->family = AF_INET;
		client->address = mapped;
	} else if (address->sa_family == AF_INET6) {
		memcpy(&client->address, in6->s6_addr, sizeof(client->address));
	}
}

uint64_t http_clients__number_of(const struct sockaddr *address)
{
	struct http_client client = {};

	set_address(&client, address);
	return hash__word(hash__word(client.address) + client.family);
}

/* Updates like_cnt of all clients with this address. Returns how many of them are open. */
static size_t count_like(struct http_clients *clients, struct http_client like)
{
	uint16_t cnt = 0;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < clients->cnt; i++) {
			struct http_client *client = &clients->items[i];

			if (client->address != like.address || client->family != like.family)
				continue;
			if (pass)
				client->like_cnt = cnt;
			else
				cnt = (uint16_t)(cnt + !client->is_closed);
		}
	return cnt;
}

static size_t count_open(const struct http_clients *clients)
{
	size_t cnt = 0;

	for (size_t i = 0; i < clients->cnt; i++)
		cnt += !clients->items[i].is_closed;
	return cnt;
}

static void close_one(struct http_clients *clients, struct http_client *client)
{
	shutdown(client->fd, SHUT_RDWR);
	client->is_closed = 1;
	clients->closed_cnt++;
	count_like(clients, *client);
}

/* The oldest client of the address with the most open connections. */
static struct http_client *find_oldest(struct http_clients *clients)
{
	struct http_client *oldest = NULL;
	size_t most = 0;

	for (size_t i = 0; i < clients->cnt; i++) {
		struct http_client *client = &clients->items[i];
		size_t cnt = client->is_closed ? 0 : client->like_cnt;

		if (cnt > most || (cnt && cnt == most && client->since_ns < oldest->since_ns)) {
			oldest = client;
			most = cnt;
		}
	}
	return oldest;
}

void http_clients__add(struct http_clients *clients, int fd, const struct sockaddr *address,
		       uint64_t now_ns)
{
	struct http_client client = {.fd = fd, .since_ns = now_ns};

	set_address(&client, address);
	if (clients->cnt > HTTP_CLIENTS_MAX) {
		close_one(clients, &client); /* the server does not allow that many */
		return;
	}
	clients->items[clients->cnt++] = client;
	/* Leaves some room, because clients that were shut down are removed a moment later. */
	if (count_like(clients, client) > HTTP_CLIENTS_PER_ADDRESS ||
	    count_open(clients) > HTTP_CLIENTS_MAX - HTTP_CLIENTS_PER_ADDRESS / 2)
		close_one(clients, find_oldest(clients));
}

static struct http_client *find(struct http_clients *clients, int fd)
{
	for (size_t i = 0; i < clients->cnt; i++)
		if (clients->items[i].fd == fd)
			return &clients->items[i];
	return NULL;
}

void http_clients__renew(struct http_clients *clients, int fd, uint64_t now_ns)
{
	struct http_client *client = find(clients, fd);

	if (client)
		client->since_ns = now_ns;
}

void http_clients__remove(struct http_clients *clients, int fd)
{
	struct http_client *client = find(clients, fd), gone;

	if (!client)
		return;
	gone = *client;
	*client = clients->items[--clients->cnt];
	count_like(clients, gone);
}

void http_clients__expire(struct http_clients *clients, uint64_t now_ns)
{
	for (size_t i = 0; i < clients->cnt; i++)
		if (!clients->items[i].is_closed &&
		    now_ns - clients->items[i].since_ns > HTTP_REQUEST_NS)
			close_one(clients, &clients->items[i]);
}
