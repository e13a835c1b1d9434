// SPDX-License-Identifier: BSD-2-Clause
#include "host/http_server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "host/http_address.h"
#include "host/http_clients.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define CONNECTION_BYTES_MAX (32UL << 10) /* for the head of a request */
#define HOST_BYTES	     256

struct http_server {
	struct MHD_Daemon *daemon;
	struct http_clients clients;
	bool wants_token, is_on_loopback;
	unsigned char token_digest[SHA256_DIGEST_LENGTH];
	const char *const *open_paths;
	http_answer_fn *answer;
	void *context;
};

void http_server__free(struct http_server *server)
{
	if (!server)
		return;
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	free(server);
}

void http_server__freep(struct http_server **server)
{
	http_server__free(*server);
}

static void digest(const char *token, unsigned char *out)
{
	SHA256((const unsigned char *)token, strlen(token), out);
}

/* Compares digests, so that the time this takes reveals neither the token nor its length. */
static bool is_token(const struct http_server *server, const char *given)
{
	unsigned char given_digest[SHA256_DIGEST_LENGTH];

	digest(given, given_digest);
	return !CRYPTO_memcmp(server->token_digest, given_digest, sizeof(given_digest));
}

static bool is_open(const struct http_server *server, const char *path)
{
	for (const char *const *open = server->open_paths; open && *open; open++)
		if (!strcmp(path, *open))
			return true;
	return false;
}

/* The token in "Bearer TOKEN", or NULL if there is none. The case of the scheme does not matter. */
static const char *find_token(const char *authorization)
{
	static const char scheme[] = "Bearer ";

	if (strncasecmp(authorization, scheme, strlen(scheme)) != 0)
		return NULL;
	authorization += strlen(scheme);
	return authorization + strspn(authorization, " ");
}

static bool is_allowed(const struct http_server *server, struct MHD_Connection *connection,
		       const char *path)
{
	const char *given = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							MHD_HTTP_HEADER_AUTHORIZATION);

	if (!server->wants_token || is_open(server, path))
		return true;
	given = given ? find_token(given) : NULL;
	return given && is_token(server, given);
}

/* Counts the Host headers of a request. */
struct host_headers {
	unsigned int cnt, foreign_cnt;
};

static enum MHD_Result count_host(void *context, enum MHD_ValueKind kind, const char *name,
				  const char *value)
{
	struct host_headers *found = context;

	(void)kind;
	if (strcasecmp(name, MHD_HTTP_HEADER_HOST) != 0)
		return MHD_YES;
	found->cnt++;
	found->foreign_cnt += !value || !http_address__names_loopback(value);
	return MHD_YES;
}

/*
 * Rejects requests that a page of another site makes a browser of this host send, see
 * http_address.h.
 */
static bool is_meant_for_us(const struct http_server *server, struct MHD_Connection *connection)
{
	struct host_headers found = {};

	if (!server->is_on_loopback)
		return true;
	MHD_get_connection_values(connection, MHD_HEADER_KIND, count_host, &found);
	return found.cnt == 1 && !found.foreign_cnt;
}

struct http_answer http_answer__text(unsigned int status, const char *text)
{
	return (struct http_answer){.status = status,
				    .type = "text/plain; charset=utf-8",
				    .text = shared_text__new(text, strlen(text))};
}

static const struct sockaddr *address_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
}

static struct http_answer find_answer(const struct http_server *server,
				      struct MHD_Connection *connection, const char *path,
				      const char *method)
{
	const char *accept =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	const struct http_request request = {
		.path = path,
		.wants_open_metrics = accept && strstr(accept, "application/openmetrics-text"),
		.client = http_clients__number_of(address_of(connection)),
	};

	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return http_answer__text(MHD_HTTP_METHOD_NOT_ALLOWED,
					 "only GET and HEAD are supported\n");
	if (!is_meant_for_us(server, connection))
		return http_answer__text(
			MHD_HTTP_FORBIDDEN,
			"the Host header must name loopback: localhost, 127.0.0.1 or [::1]\n");
	if (!is_allowed(server, connection, path))
		return http_answer__text(
			MHD_HTTP_UNAUTHORIZED,
			"missing or wrong token; send the header Authorization: Bearer TOKEN\n");
	return server->answer(server->context, &request);
}

static void add_retry_after(struct MHD_Response *response, unsigned int seconds)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", seconds);
	MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, text);
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
			      const char *method, const char *version, const char *body,
			      size_t *body_size, void **state)
{
	const struct http_server *server = context;
	struct MHD_Response *response;
	struct http_answer answer;
	enum MHD_Result result;

	(void)version;
	(void)body;
	/* Called once for the head. A body is read and discarded. */
	if (!*state) {
		*state = context;
		return MHD_YES;
	}
	if (*body_size) {
		*body_size = 0;
		return MHD_YES;
	}
	answer = find_answer(server, connection, path, method);
	if (!answer.text)
		return MHD_NO;
	response = MHD_create_response_from_buffer_with_free_callback(answer.text->size,
								      answer.text->bytes,
								      shared_text__release_bytes);
	if (!response) {
		shared_text__release(answer.text);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.type);
	if (answer.retry_after_s)
		add_retry_after(response, answer.retry_after_s);
	if (answer.status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
	result = MHD_queue_response(connection, answer.status, response);
	MHD_destroy_response(response);
	return result;
}

static int check_address(struct http_server *server, const struct http_options *options,
			 const struct sockaddr *address, struct failure *failure)
{
	server->is_on_loopback = http_address__is_loopback(address);
	if (server->is_on_loopback || options->token || options->answers_anybody)
		return 0;
	return failure__set(failure, -EPERM,
			    "other hosts can reach %.200s: use --token-file FILE, or --no-token to "
			    "serve without a token",
			    options->listen);
}

static int open_socket(struct http_server *server, const struct http_options *options,
		       struct failure *failure)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	_cleanup_close_ int fd = -1;
	struct addrinfo *found = NULL;
	char host[HOST_BYTES];
	const char *port;
	int one = 1, result, err;

	if (!http_address__split(options->listen, host, sizeof(host), &port))
		return failure__set(
			failure, -EINVAL,
			"cannot listen on '%.200s': not an address; example: 127.0.0.1:9876",
			options->listen);
	result = getaddrinfo(host, port, &hints, &found);
	if (result)
		return failure__set(failure, -EINVAL, "cannot listen on %.200s: %s",
				    options->listen, gai_strerror(result));
	err = check_address(server, options, found->ai_addr, failure);
	if (err) {
		freeaddrinfo(found);
		return err;
	}
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) || listen(fd, HTTP_CLIENTS_MAX))
		err = -errno;
	freeaddrinfo(found);
	if (err)
		return failure__set(failure, err, "cannot listen on %.200s: %s", options->listen,
				    strerror(-err));
	return TAKE_FD(fd);
}

static int fd_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

static void note_connection(void *context, struct MHD_Connection *connection, void **state,
			    enum MHD_ConnectionNotificationCode what)
{
	struct http_server *server = context;

	(void)state;
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		http_clients__add(&server->clients, fd_of(connection), address_of(connection),
				  clock_ns(CLOCK_MONOTONIC));
	else
		http_clients__remove(&server->clients, fd_of(connection));
}

static void note_answer(void *context, struct MHD_Connection *connection, void **state,
			enum MHD_RequestTerminationCode why)
{
	struct http_server *server = context;

	(void)state;
	(void)why;
	http_clients__renew(&server->clients, fd_of(connection), clock_ns(CLOCK_MONOTONIC));
}

static void be_silent(void *context, const char *format, va_list arguments)
{
	(void)context;
	(void)format;
	(void)arguments;
}

int http_server__new(struct http_server **out, const struct http_options *options,
		     struct failure *failure)
{
	_cleanup_(http_server__freep) struct http_server *server = calloc(1, sizeof(*server));
	int fd;

	if (!server)
		return failure__set(failure, -ENOMEM, "out of memory");
	server->open_paths = options->open_paths;
	server->answer = options->answer;
	server->context = options->context;
	server->wants_token = options->token;
	if (options->token)
		digest(options->token, server->token_digest);
	fd = open_socket(server, options, failure);
	if (fd < 0)
		return fd;
	server->daemon =
		MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, handle, server,
				 MHD_OPTION_EXTERNAL_LOGGER, be_silent, NULL,
				 MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
				 (unsigned int)HTTP_CLIENTS_MAX, MHD_OPTION_NOTIFY_CONNECTION,
				 note_connection, server, MHD_OPTION_NOTIFY_COMPLETED, note_answer,
				 server, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
				 (size_t)CONNECTION_BYTES_MAX, MHD_OPTION_END);
	if (!server->daemon) {
		close(fd);
		return failure__set(failure, -EIO, "cannot serve on %.200s", options->listen);
	}
	*out = TAKE_PTR(server);
	return 0;
}

int http_server__fd(const struct http_server *server)
{
	return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

void http_server__run(struct http_server *server)
{
	http_clients__expire(&server->clients, clock_ns(CLOCK_MONOTONIC));
	MHD_run(server->daemon);
}

uint64_t http_server__closed_cnt(const struct http_server *server)
{
	return server->clients.closed_cnt;
}
