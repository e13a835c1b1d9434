/* SPDX-License-Identifier: BSD-2-Clause */
/* Formats numbers for people, and parses numbers that people write. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A number as text, small enough to pass by value: units__bytes(n).text in an argument list. */
struct units_text {
	char text[48];
};

struct units_text units__bytes(uint64_t bytes); /* "512 B", "1.5 KiB", "24.0 MiB" */
struct units_text units__count(uint64_t count); /* "1,234,567" */
/* @noun has at most 15 letters and its plural ends in s: "1 block", "1,234 blocks". */
struct units_text units__counted(uint64_t count, const char *noun);
struct units_text units__percent(double ratio); /* 0.129 -> "12.9 %" */
struct units_text units__seconds(
	double seconds); /* "850 ms", "12.3 s", "4 min 10 s", "3 h 5 min" */

/*
 * Parses "10", "0.5", "10%", "10 %", all in per cent, into 0 <= *ratio <= 1. Returns false if
 * invalid.
 */
bool units__parse_percent(const char *text, double *ratio);

/*
 * Parses "5", "0.25", "90s", "500ms", "2m", "1h". Returns false unless positive and at most a year.
 */
bool units__parse_seconds(const char *text, double *seconds);

/* Parses "4096", "64K", "64KiB", "16MiB", "2G", in binary units. Returns false if invalid. */
bool units__parse_bytes(const char *text, uint64_t *bytes);
