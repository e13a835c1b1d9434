/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers GET requests by HTTP, for a few clients at a time: requests are bounded in size, time and
 * number. It has no thread of its own: the owner waits for its descriptor and lets it run.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/failure.h"
#include "util/shared_text.h"

struct http_server;

/* What is answered. */
struct http_answer {
	unsigned int status; /* 200, 404, ... */
	const char *type;    /* of the content */
	/* The server's to release; NULL without memory. */
	struct shared_text *text;
	unsigned int retry_after_s; /* said to the client; 0: nothing is */
};

/* An answer in plain text, which is copied. */
struct http_answer http_answer__text(unsigned int status, const char *text);

struct http_request {
	const char *path;
	bool wants_open_metrics; /* by Accept */
	uint64_t client;	 /* who asks: http_clients__number_of() */
};

typedef struct http_answer http_answer_fn(void *context, const struct http_request *request);

struct http_options {
	const char *listen; /* "127.0.0.1:9876", "[::1]:9876" */
	/*
	 * Clients that do not send it ("Authorization: Bearer TOKEN", RFC 6750; the scheme's case
	 * does not matter, RFC 9110, 11.1) are refused; NULL: none is wanted.
	 */
	const char *token;
	/* These pages need no token; they end with NULL; NULL: there are none; not copied. */
	const char *const *open_paths;
	/* Without this, and without a token, an address that other hosts can reach is refused. */
	bool answers_anybody;
	http_answer_fn *answer;
	void *context;
};

/*
 * Listens. On loopback, requests whose Host header names anything else are refused. Errors are
 * described; the caller frees.
 */
int http_server__new(struct http_server **out, const struct http_options *options,
		     struct failure *failure);
void http_server__free(struct http_server *server);
void http_server__freep(struct http_server **server);

/* Readable when there is something to be done. */
int http_server__fd(const struct http_server *server);

/*
 * Does what is to be done, without waiting. To be called each second at least, for the time that
 * requests have.
 */
void http_server__run(struct http_server *server);

/* Connections that were closed for their time was over, or to make room for others. */
uint64_t http_server__closed_cnt(const struct http_server *server);
