/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small profile for tests of profile writers: four stacks that share frames; one is truncated,
 * one was added twice.
 */
#pragma once

#include "analysis/profile.h"

#define SAMPLE_PYTHON(name, path, number)                                                          \
	{                                                                                          \
		.function = (name), .file = (path), .line = (number), .kind = PROFILE_FRAME_PYTHON \
	}
#define SAMPLE_NATIVE(name, path)                                                                  \
	{                                                                                          \
		.function = (name), .file = (path), .kind = PROFILE_FRAME_NATIVE                   \
	}

/* Innermost first, like all arguments of this kind. */
#define SAMPLE_FRAMES(...) ((const struct profile_frame[]){__VA_ARGS__})

/* The values in the order of enum profile_value. */
#define SAMPLE_VALUES(...) ((const int64_t[PROFILE_VALUE_CNT]){__VA_ARGS__})

/*
 * Both return a profile that the caller frees: one without stacks, one with those described above.
 */
struct profile *sample_profile__new_empty(void);
struct profile *sample_profile__new(void);

/* Adds a stack of one Python frame. */
void sample_profile__add_one(struct profile *profile, const char *function, const char *file,
			     int32_t line, int64_t live_bytes);
