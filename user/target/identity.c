// SPDX-License-Identifier: BSD-2-Clause
#include "target/identity.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "target/cgroup_label.h"
#include "target/user_name.h"
#include "util/cleanup.h"
#include "util/text.h"

/*
 * Whether the next word is the argument of @option (Modules/main.c: -W arg, -X opt,
 * --check-hash-based-pycs mode).
 */
static bool takes_word(const char *option)
{
	return !strcmp(option, "-W") || !strcmp(option, "-X") || !strcmp(option, "-Q") ||
	       !strcmp(option, "--check-hash-based-pycs");
}

/* Whether @option ends in @letter, as in -m or -c: one-letter options may be combined. */
static bool ends_options(const char *option, char letter)
{
	size_t length = strlen(option);

	return option[1] != '-' && length > 1 && option[length - 1] == letter;
}

/*
 * A process that sets its own title has all of it in the first word, and the title may contain a
 * copy of its command line (Celery's does). So the name ends where an argument may begin: at a word
 * that starts with "-" or "(", or contains "=", "/" or "@".
 */
static char *take_title(const char *title)
{
	const char *end = strchr(title, ' ');

	while (end && end[1] && !strchr("-(", end[1])) {
		size_t length = strcspn(end + 1, " ");
		const char *bad = strpbrk(end + 1, "=/@");

		if (bad && bad < end + 1 + length)
			break;
		end = end[1 + length] ? end + 1 + length : NULL;
	}
	return end ? strndup(title, (size_t)(end - title)) : strdup(title);
}

char *identity__app(char *const *cmdline, const char *comm)
{
	_cleanup_free_ char *first = *cmdline ? take_title(*cmdline) : NULL;

	if (!*cmdline)
		return strdup(comm);
	if (!first)
		return NULL;
	/* A program that embeds Python is known by its own name. */
	if (strncmp(text__base_name(first), "python", strlen("python")) != 0)
		return strdup(text__base_name(first));
	for (char *const *word = cmdline + 1; *word; word++) {
		if (**word != '-' || !(*word)[1])
			return strdup(text__base_name(*word));
		if (ends_options(*word, 'm') && word[1])
			return strdup(word[1]);
		if (ends_options(*word, 'c'))
			return strdup("-c");
		if (takes_word(*word) && word[1])
			word++;
	}
	return strdup(text__base_name(*cmdline));
}

static char *name_user(const struct target *target)
{
	uid_t user;

	return target__user(target, &user) ? strdup("?") : user_name__of(user);
}

void identity__release(struct identity *identity)
{
	free(identity->app);
	free(identity->user);
	free(identity->unit);
	*identity = (struct identity){};
}

/* Takes ownership of @text, which may be NULL. Returns NULL for that, and if out of memory. */
static char *make_label(char *text)
{
	_cleanup_free_ char *whole = text;

	return whole ? text__shorten(whole, IDENTITY_LABEL_BYTES_MAX) : NULL;
}

int identity__find(struct identity *out, const struct target *target)
{
	struct identity identity = {
		.app = make_label(identity__app(target->cmdline, target->comm)),
		.user = make_label(name_user(target)),
		.unit = make_label(cgroup_label__of(target->cgroup)),
	};

	if (!identity.app || !identity.user || !identity.unit) {
		identity__release(&identity);
		return -ENOMEM;
	}
	*out = identity;
	return 0;
}
