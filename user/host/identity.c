// SPDX-License-Identifier: BSD-2-Clause
#include "host/identity.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* Whether an option takes the next word along (Modules/main.c: -W arg, -X opt, --check-hash-based-pycs mode). */
static bool takes_word(const char *option)
{
	return !strcmp(option, "-W") || !strcmp(option, "-X") || !strcmp(option, "-Q") ||
	       !strcmp(option, "--check-hash-based-pycs");
}

/* Whether @option ends in -m or -c: options of one letter may stand together. */
static bool ends_options(const char *option, char letter)
{
	size_t length = strlen(option);

	return option[1] != '-' && length > 1 && option[length - 1] == letter;
}

char *identity__app(char *const *cmdline, const char *comm)
{
	if (!*cmdline)
		return strdup(comm);
	/* What has a Python within goes by its own name. */
	if (strncmp(base_name(*cmdline), "python", strlen("python")) != 0)
		return strdup(base_name(*cmdline));
	for (char *const *word = cmdline + 1; *word; word++) {
		if (**word != '-' || !(*word)[1])
			return strdup(base_name(*word));
		if (ends_options(*word, 'm') && word[1])
			return strdup(word[1]);
		if (ends_options(*word, 'c'))
			return strdup("-c");
		if (takes_word(*word) && word[1])
			word++;
	}
	return strdup(base_name(*cmdline));
}
