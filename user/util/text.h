/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text that comes from a target is not to be trusted: it may not be UTF-8, and it may hold what
 * makes a terminal do things.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

/*
 * A copy in valid UTF-8, each wrong byte replaced by U+FFFD; NULL if out of memory. The caller
 * frees.
 */
char *text__to_utf8(const char *text);

/*
 * The same for a file that programs and people read: what makes a terminal do things, or show a
 * text other than it is, is replaced by U+FFFD, too. These are U+007F to U+009F, separators of
 * lines, and what changes the direction of writing. U+0001 to U+001F stay: JSON and other formats
 * have an escape for them.
 */
char *text__to_safe_utf8(const char *text);

/*
 * Replaces the bytes of all these, of U+0001 to U+001F, and those that are no UTF-8 by '?', in
 * place. Returns @text.
 */
char *text__make_printable(char *text);

/*
 * How many of the first @size bytes of @text are whole characters: what is left out is the
 * beginning of one that UTF-8 ends beyond them, if anything.
 */
size_t text__whole_characters(const char *text, size_t size);

/*
 * A copy in valid UTF-8 of @bytes_max bytes (at least 3) at most; of a longer text the beginning,
 * up to a whole character, and "...". NULL if out of memory. The caller frees.
 */
char *text__shorten(const char *text, size_t bytes_max);

/* Writes @text made printable; "?" for NULL. */
void text__write(const char *text, FILE *out);

/* The last part of a path, within it; all of it if it ends with a slash. */
const char *text__base_name(const char *path);

/*
 * The words with blanks between them, to NULL at their end; NULL if out of memory. The caller
 * frees.
 */
char *text__join(char *const *words);

/* Writes the words so, made printable, and "..." in place of what is beyond @size bytes. */
void text__write_words(char *const *words, size_t size, FILE *out);
