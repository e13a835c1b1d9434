/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes text from a target safe to print: it may be invalid UTF-8 and may contain control sequences
 * for terminals.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Whether all of @text is valid UTF-8. */
bool text__is_utf8(const char *text);

/*
 * Returns a copy in valid UTF-8, with U+FFFD for each invalid byte; NULL if out of memory. The
 * caller frees it.
 */
char *text__to_utf8(const char *text);

/*
 * The same for a file that programs and people read. U+FFFD also replaces characters that control a
 * terminal or make text look different from what it is: U+007F to U+009F, line separators, and
 * characters that change the writing direction. U+0001 to U+001F are kept, as JSON and other
 * formats have escapes for them.
 */
char *text__to_safe_utf8(const char *text);

/*
 * Replaces, in place, by '?' each byte of all these characters, of U+0001 to U+001F, and of invalid
 * UTF-8. Returns @text.
 */
char *text__make_printable(char *text);

/*
 * How many of the first @size bytes of @text form whole characters. Only an incomplete character at
 * the end is left out.
 */
size_t text__whole_characters(const char *text, size_t size);

/*
 * Returns a copy in valid UTF-8 of at most @bytes_max bytes (at least 3). A longer text is cut at a
 * whole character and ends with "...". NULL if out of memory. The caller frees it.
 */
char *text__shorten(const char *text, size_t bytes_max);

/* Writes @text as text__make_printable() makes it; "?" for NULL. */
void text__write(const char *text, FILE *out);

/* Returns a pointer to the last part of @path, or @path itself if it ends with a slash. */
const char *text__base_name(const char *path);

/*
 * Joins the words of a NULL-terminated array with blanks; NULL if out of memory. The caller frees
 * it.
 */
char *text__join(char *const *words);

/* Writes the same, made printable; text beyond @size bytes is replaced by "...". */
void text__write_words(char *const *words, size_t size, FILE *out);
