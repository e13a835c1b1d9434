// SPDX-License-Identifier: BSD-2-Clause
#include "target/proc_fields.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/checked.h"
#include "util/cleanup.h"
#include "util/text.h"

int proc_fields__state(const char *stat)
{
	const char *end = strrchr(stat, ')'); /* the name in parentheses may contain anything */

	return end && end[1] == ' ' && end[2] ? (unsigned char)end[2] : -EIO;
}

#define STATE_FIELD 3
#define START_FIELD 22

int proc_fields__start_ticks(const char *stat, uint64_t *ticks)
{
	const char *at = strrchr(stat, ')');
	unsigned long long number;
	char *end;

	/* Each field has a space before it. */
	for (int field = STATE_FIELD; at && field <= START_FIELD; field++)
		at = strchr(at + 1, ' ');
	if (!at || at[1] < '0' || at[1] > '9')
		return -EIO;
	errno = 0;
	number = strtoull(at + 1, &end, 10);
	if (errno || (*end != ' ' && *end != '\n'))
		return -EIO;
	*ticks = number;
	return 0;
}

/* What follows @name, which begins a line, after any blanks; NULL: there is no such line. */
static const char *find_field(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	if (!at)
		return NULL;
	at += strlen(name);
	return at + strspn(at, " \t");
}

int proc_fields__thread_group(const char *status)
{
	const char *at = find_field(status, "\nTgid:");
	long group = at ? strtol(at, NULL, 10) : 0;

	return group > 0 && group <= INT32_MAX ? (int)group : -EIO;
}

bool proc_fields__is_in_own_pid_namespace(const char *status)
{
	const char *at = find_field(status, "\nNSpid:");

	/* One number for each PID namespace that it is in. */
	return at && at[strspn(at, "0123456789")] == '\n';
}

int proc_fields__inner_id(const char *status)
{
	const char *at = find_field(status, "\nNSpid:");
	long id = 0;

	while (at && *at >= '0' && *at <= '9') {
		id = strtol(at, NULL, 10);
		at += strspn(at, "0123456789");
		at += strspn(at, " \t");
	}
	return id > 0 && id <= INT32_MAX ? (int)id : -EIO;
}

void proc_fields__name(const char *status, char *out, size_t size)
{
	static const char field[] = "Name:\t";
	const char *at = status + strlen(field);
	size_t cnt = 0;

	*out = '\0';
	if (strncmp(status, field, strlen(field)) != 0)
		return;
	for (; *at && *at != '\n' && cnt + 1 < size; at++) {
		if (*at == '\\' && (at[1] == 'n' || at[1] == '\\'))
			out[cnt++] = *++at == 'n' ? '\n' : '\\';
		else
			out[cnt++] = *at;
	}
	out[cnt] = '\0';
}

int proc_fields__user(const char *status, uint32_t *user)
{
	const char *at = find_field(status, "\nUid:");
	unsigned long number;
	char *end;

	if (!at)
		return -EIO;
	number = strtoul(at, &end, 10);
	if (end == at || number > UINT32_MAX)
		return -EIO;
	*user = (uint32_t)number;
	return 0;
}

int proc_fields__switches(const char *status, uint64_t *switches, bool *runs)
{
	static const char *const counts[] = {"\nvoluntary_ctxt_switches:",
					     "\nnonvoluntary_ctxt_switches:"};
	const char *state = find_field(status, "\nState:");
	uint64_t sum = 0;

	if (!state)
		return -EIO;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		const char *at = find_field(status, counts[i]);

		if (!at)
			return -EIO;
		sum += strtoull(at, NULL, 10);
	}
	*switches = sum;
	*runs = *state == 'R';
	return 0;
}

/* Adds up fields in KiB; the first one must be there. */
static int add_fields(const char *status, const char *const *names, size_t cnt, uint64_t *bytes)
{
	uint64_t sum = 0, part;

	for (size_t i = 0; i < cnt; i++) {
		const char *at = find_field(status, names[i]);

		/* A kernel without swap, or huge pages, has no such line. */
		if (!at && !i)
			return -EIO;
		if (at && (!checked_mul(strtoull(at, NULL, 10), 1024, &part) ||
			   !checked_add(sum, part, &sum)))
			return -EIO;
	}
	*bytes = sum;
	return 0;
}

int proc_fields__used_bytes(const char *status, uint64_t *bytes)
{
	static const char *const names[] = {"\nVmRSS:", "\nVmSwap:", "\nHugetlbPages:"};

	return add_fields(status, names, ARRAY_SIZE(names), bytes);
}

int proc_fields__written_bytes(const char *status, uint64_t *bytes)
{
	static const char *const names[] = {"\nRssAnon:", "\nVmSwap:"};

	return add_fields(status, names, ARRAY_SIZE(names), bytes);
}

int proc_fields__swapped_bytes(const char *status, uint64_t *bytes)
{
	static const char *const names[] = {"\nVmSwap:"};

	*bytes = 0;
	return find_field(status, names[0]) ? add_fields(status, names, ARRAY_SIZE(names), bytes)
					    : 0;
}

int proc_fields__page_table_bytes(const char *status, uint64_t *bytes)
{
	static const char *const names[] = {"\nVmPTE:"};

	return add_fields(status, names, ARRAY_SIZE(names), bytes);
}

/* "0::/path" is the unified hierarchy; others are named controllers of version 1. */
char *proc_fields__cgroup(const char *cgroup)
{
	static const char unified[] = "0::";

	while (strncmp(cgroup, unified, strlen(unified)) != 0) {
		cgroup += strcspn(cgroup, "\n");
		if (!*cgroup)
			return strdup("");
		cgroup++;
	}
	cgroup += strlen(unified);
	return strndup(cgroup, strcspn(cgroup, "\n"));
}

void proc_fields__free_arguments(char **arguments)
{
	for (char **argument = arguments; argument && *argument; argument++)
		free(*argument);
	free(arguments);
}

static void free_argumentsp(char ***arguments)
{
	proc_fields__free_arguments(*arguments);
}

/*
 * Puts "..." at the end of @word, in place of a character that was cut in two. Returns false if out
 * of memory.
 */
static bool mark_cut(char **word)
{
	char *marked;

	if (asprintf(&marked, "%.*s...", (int)text__whole_characters(*word, strlen(*word)), *word) <
	    0)
		return false;
	free(*word);
	*word = marked;
	return true;
}

char **proc_fields__arguments(const char *text, size_t size, bool *is_cut)
{
	_cleanup_(free_argumentsp) char **arguments = NULL;
	bool is_missing = *is_cut;
	size_t at = 0, cnt = 0;

	for (size_t i = 0; i < size; i++)
		cnt += text[i] == '\0' || i + 1 == size;
	if (cnt > PROC_ARGUMENTS_MAX) {
		cnt = PROC_ARGUMENTS_MAX;
		is_missing = true;
	}
	arguments = calloc(cnt + 1, sizeof(*arguments));
	if (!arguments)
		return NULL;
	for (size_t i = 0; i < cnt; i++) {
		size_t length = strnlen(text + at, size - at);

		arguments[i] = strndup(text + at, length);
		if (!arguments[i])
			return NULL;
		at += length + 1;
	}
	if (is_missing && cnt && !mark_cut(&arguments[cnt - 1]))
		return NULL;
	*is_cut = is_missing;
	return TAKE_PTR(arguments);
}
