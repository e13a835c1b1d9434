/* SPDX-License-Identifier: BSD-2-Clause */
/* What the options say of who is answered: where, and with which token. */
#pragma once

#include "cmd/options.h"
#include "host/http_server.h"

/* Listens as the options say. Errors are described; the caller frees. */
int serving__open(struct http_server **out, const struct options *options, http_answer_fn *answer,
		  void *context, struct failure *failure);
