// SPDX-License-Identifier: BSD-2-Clause
#include "agent/serving.h"

#include <errno.h>

#include "util/cleanup.h"
#include "util/secret_file.h"

/* A kubelet's probes have no token, and all that they learn is whether the agent works. */
static const char *const open_paths[] = {"/livez", "/healthz", NULL};

int serving__open(struct http_server **out, const struct serving_options *options,
		  http_answer_fn *answer, void *context, struct failure *failure)
{
	_cleanup_free_ char *token = NULL;
	struct http_options http = {.listen = options->listen,
				    .open_paths = open_paths,
				    .answers_anybody = options->no_token,
				    .answer = answer,
				    .context = context};
	int err = 0;

	if (options->token_file && options->no_token)
		return failure__set(failure, -EINVAL,
				    "--token-file and --no-token are mutually exclusive");
	if (options->token_file)
		err = secret_file__read(&token, options->token_file, failure);
	if (err)
		return err;
	http.token = token;
	return http_server__new(out, &http, failure);
}
