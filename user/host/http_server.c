// SPDX-License-Identifier: BSD-2-Clause
#include "host/http_server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "util/cleanup.h"

#define CONNECTIONS_MAX	     256
#define CONNECTION_TIMEOUT_S 5
#define CONNECTION_BYTES_MAX (32UL << 10) /* of a request's head */
#define HOST_BYTES	     256

struct http_server {
	struct MHD_Daemon *daemon;
	char *token;
	http_answer_fn *answer;
	void *context;
};

void http_server__free(struct http_server *server)
{
	if (!server)
		return;
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	free(server->token);
	free(server);
}

void http_server__freep(struct http_server **server)
{
	http_server__free(*server);
}

/* In a time that does not tell how much of it was right. */
static bool is_same_token(const char *a, const char *b)
{
	size_t size = strlen(a);
	unsigned char difference = strlen(b) != size;

	for (size_t i = 0; i < size && !difference; i++)
		difference |= (unsigned char)(a[i] ^ b[i]);
	return !difference;
}

static bool is_allowed(const struct http_server *server, struct MHD_Connection *connection)
{
	static const char scheme[] = "Bearer ";
	const char *given = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							MHD_HTTP_HEADER_AUTHORIZATION);

	if (!server->token)
		return true;
	return given && !strncmp(given, scheme, strlen(scheme)) &&
	       is_same_token(server->token, given + strlen(scheme));
}

static struct http_answer refuse(unsigned int status, const char *why)
{
	struct http_answer answer = {.status = status,
				     .type = "text/plain; charset=utf-8",
				     .text = strdup(why)};

	answer.size = answer.text ? strlen(answer.text) : 0;
	return answer;
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
	};

	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return refuse(MHD_HTTP_METHOD_NOT_ALLOWED, "only GET is answered\n");
	if (!is_allowed(server, connection))
		return refuse(MHD_HTTP_UNAUTHORIZED, "a token is wanted: Authorization: Bearer\n");
	return server->answer(server->context, &request);
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
	/* Called once for the head; a body is read, and thrown away. */
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
	response = MHD_create_response_from_buffer(answer.size, answer.text, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(answer.text);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.type);
	if (answer.status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
	result = MHD_queue_response(connection, answer.status, response);
	MHD_destroy_response(response);
	return result;
}

/* "HOST:PORT", the host in brackets if it has colons itself. */
static bool split_address(const char *text, char *host, size_t size, const char **port)
{
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;
	long number;
	char *end;

	if (!colon || !length || !colon[1])
		return false;
	if (*text == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	if (!length || length >= size)
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	*port = colon + 1;
	errno = 0;
	number = strtol(*port, &end, 10);
	return !errno && !*end && number > 0 && number <= UINT16_MAX;
}

static int open_socket(const char *listen_at, struct failure *failure)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	_cleanup_close_ int fd = -1;
	struct addrinfo *found = NULL;
	char host[HOST_BYTES];
	const char *port;
	int one = 1, result, err = 0;

	if (!split_address(listen_at, host, sizeof(host), &port))
		return failure__set(failure, -EINVAL,
				    "'%.200s' is no address to listen at, such as 127.0.0.1:9876",
				    listen_at);
	result = getaddrinfo(host, port, &hints, &found);
	if (result)
		return failure__set(failure, -EINVAL, "cannot listen at %.200s: %s", listen_at,
				    gai_strerror(result));
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) || listen(fd, CONNECTIONS_MAX))
		err = -errno;
	freeaddrinfo(found);
	if (err)
		return failure__set(failure, err, "cannot listen at %.200s: %s", listen_at,
				    strerror(-err));
	return TAKE_FD(fd);
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
	server->answer = options->answer;
	server->context = options->context;
	if (options->token) {
		server->token = strdup(options->token);
		if (!server->token)
			return failure__set(failure, -ENOMEM, "out of memory");
	}
	fd = open_socket(options->listen, failure);
	if (fd < 0)
		return fd;
	server->daemon =
		MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, handle, server,
				 MHD_OPTION_EXTERNAL_LOGGER, be_silent, NULL,
				 MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
				 (unsigned int)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
				 (unsigned int)CONNECTION_TIMEOUT_S,
				 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES_MAX,
				 MHD_OPTION_END);
	if (!server->daemon) {
		close(fd);
		return failure__set(failure, -EIO, "cannot answer at %.200s", options->listen);
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
	MHD_run(server->daemon);
}
