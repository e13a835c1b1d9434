/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers GET requests over HTTP for a few clients at a time. Requests are limited in size, time
 * and number. The server has no thread of its own: its owner polls its descriptor and runs it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/failure.h"
#include "util/shared_text.h"

struct http_server;

/* An answer to a request. */
struct http_answer {
	unsigned int status; /* 200, 404, ... */
	const char *type;    /* Content-Type */
	/* Released by the server. NULL: out of memory. */
	struct shared_text *text;
	unsigned int retry_after_s; /* for the Retry-After header; 0: none */
};

/* Makes a plain text answer; @text is copied. */
struct http_answer http_answer__text(unsigned int status, const char *text);

struct http_request {
	const char *path;
	bool wants_open_metrics; /* according to its Accept header */
	uint64_t client;	 /* see http_clients__number_of() */
};

typedef struct http_answer http_answer_fn(void *context, const struct http_request *request);

struct http_options {
	const char *listen; /* "127.0.0.1:9876", "[::1]:9876" */
	/*
	 * Clients must send this as "Authorization: Bearer TOKEN" (RFC 6750; the case of the scheme
	 * does not matter, RFC 9110, 11.1). NULL: no token is needed.
	 */
	const char *token;
	/* Paths that need no token, ending with NULL; not copied. NULL: there are none. */
	const char *const *open_paths;
	/* Allows an address that other hosts can reach without a token. */
	bool answers_anybody;
	http_answer_fn *answer;
	void *context;
};

/*
 * Starts to listen. On loopback, requests whose Host header names anything else are rejected.
 * Errors are described. The caller frees @out.
 */
int http_server__new(struct http_server **out, const struct http_options *options,
		     struct failure *failure);
void http_server__free(struct http_server *server);
void http_server__freep(struct http_server **server);

/* A descriptor that is readable when http_server__run() has something to do. */
int http_server__fd(const struct http_server *server);

/*
 * Handles what is pending, without waiting. Call it at least once a second, so that deadlines are
 * enforced.
 */
void http_server__run(struct http_server *server);

/* Connections that were closed at their deadline or to make room for others. */
uint64_t http_server__closed_cnt(const struct http_server *server);
