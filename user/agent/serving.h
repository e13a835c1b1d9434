/* SPDX-License-Identifier: BSD-2-Clause */
/* Which HTTP requests are answered: at which address and with which token. */
#pragma once

#include <stdbool.h>

#include "host/http_server.h"
#include "util/failure.h"

struct serving_options {
	const char *listen;	/* HOST:PORT */
	const char *token_file; /* NULL: requests need no token */
	bool no_token;		/* requests need none even if other hosts can reach @listen */
	bool command_lines;	/* answers contain the command lines of processes */
};

/* Starts to listen. Errors are described. The caller frees @out. */
int serving__open(struct http_server **out, const struct serving_options *options,
		  http_answer_fn *answer, void *context, struct failure *failure);
