/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All options, a row each: what it is called, what its value is and between which bounds, what
 * holds if it is not given, where in struct options the value goes, and what --help says. A new
 * option is an id, a row, and a member of struct options.
 */
#pragma once

#include "cmd/options.h"

/* What the value of an option is, and the type of the member of struct options that it sets. */
enum option_kind {
	OPTION_FLAG,	/* none; bool */
	OPTION_TEXT,	/* any text; const char * */
	OPTION_LIST,	/* any text, @max times at most; struct text_list */
	OPTION_WORD,	/* one of @word(); an enum */
	OPTION_NUMBER,	/* a number in decimal; uint32_t, or pid_t */
	OPTION_BYTES,	/* as units__parse_bytes(); uint64_t */
	OPTION_SECONDS, /* as units__parse_seconds(); double */
	OPTION_SHARE,	/* as units__parse_percent(); double */
	OPTION_ADDRESS, /* 0x and hexadecimal digits, not 0; uint64_t */
	OPTION_ACTION,	/* it sets nothing: command__parse() knows what it does */
};

struct option_row {
	enum option_id id;
	const char *name;
	char letter;	      /* 0: none */
	const char *argument; /* how --help calls the value; NULL: it takes none */
	const char *help;
	enum option_kind kind;
	size_t offset;	       /* of the member of struct options */
	const char *min, *max; /* both included, written as a user writes them; NULL: any */
	const char *wanted;    /* what a value is, for messages; NULL: its kind and bounds say it */
	const char *preset;    /* the value if it is not given; NULL: 0 or nothing */
	const char *preset_is; /* for --help, where the preset is no fixed text */
	const char *stands_for; /* an option without a value that stands for this one */
	/* OPTION_WORD: the words by their number; NULL behind the last one. */
	const char *(*word)(size_t number);
	/* What each of them means, for --help behind @help; NULL: @help says it. */
	const char *(*word_help)(size_t number);
};

/* The row of @id, which has one; by its place, NULL behind the last one. */
const struct option_row *option_table__find(enum option_id id);
const struct option_row *option_table__at(size_t place);

#define OPTION_TABLE_MAX 64 /* rows: struct options has a bit for each */
