/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All options, one row each: name, type and bounds of its value, default, its member in struct
 * options, and help. A new option needs an id, a row, and a member of struct options.
 */
#pragma once

#include "cmd/options.h"

/* The value of a macro as a string, for the bounds in help texts. */
#define TEXT_OF_(number) #number
#define TEXT_OF(number)	 TEXT_OF_(number)

/* The type of an option's value, and of the member of struct options that it sets. */
enum option_kind {
	OPTION_FLAG,	/* no value; bool */
	OPTION_TEXT,	/* any text; const char * */
	OPTION_LIST,	/* any text, at most @max times; struct text_list */
	OPTION_WORD,	/* one of @word(); an enum */
	OPTION_NUMBER,	/* decimal number; uint32_t or pid_t */
	OPTION_BYTES,	/* see units__parse_bytes(); uint64_t */
	OPTION_SECONDS, /* see units__parse_seconds(); double */
	OPTION_SHARE,	/* see units__parse_percent(); double */
	OPTION_ADDRESS, /* 0x and hexadecimal digits, not 0; uint64_t */
	OPTION_ACTION,	/* sets nothing: command__parse() performs its action */
};

struct option_row {
	enum option_id id;
	const char *name;
	char letter;	      /* short option; 0: none */
	const char *argument; /* name of the value in --help; NULL: the option takes none */
	const char *help;
	enum option_kind kind;
	size_t offset;		/* of the member in struct options */
	const char *min, *max;	/* inclusive, in the notation of users; NULL: no bound */
	const char *wanted;	/* expected value, for errors; NULL: derived from kind and bounds */
	const char *preset;	/* default value; NULL: 0 or nothing */
	const char *preset_is;	/* default in --help, if it is not a fixed text */
	const char *implied;	/* value if none is given; NULL: one has to be given */
	const char *stands_for; /* for an OPTION_WORD without value: the word to set */
	/* OPTION_WORD: the word for each number; NULL after the last one. */
	const char *(*word)(size_t number);
	/* Its meaning, shown by --help after @help; NULL if @help explains it. */
	const char *(*word_help)(size_t number);
};

/* Finds a row: by its id, which must have one; or by its index, NULL after the last one. */
const struct option_row *option_table__find(enum option_id id);
const struct option_row *option_table__at(size_t place);

#define OPTION_TABLE_MAX 64 /* maximum number of rows: struct options has a bit for each */
