/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is answered over HTTP: at which address, and with which token. */
#pragma once

#include <stdbool.h>

#include "host/http_server.h"
#include "util/failure.h"

struct serving_options {
	const char *listen;	/* HOST:PORT */
	const char *token_file; /* NULL: requests need no token */
	bool no_token;		/* not even at addresses that other hosts can reach */
	bool command_lines;	/* what is served contains those of processes */
};

/* Listens there. Errors are described; the caller frees. */
int serving__open(struct http_server **out, const struct serving_options *options,
		  http_answer_fn *answer, void *context, struct failure *failure);
