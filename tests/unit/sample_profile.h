/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small profile that what writes profiles is tested on: four stacks that share frames, one of
 * them cut off, one that came twice.
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

/* Innermost first, as all arguments of this kind. */
#define SAMPLE_FRAMES(...) ((const struct profile_frame[]){__VA_ARGS__})

/* The values in the order of enum profile_value. */
#define SAMPLE_VALUES(...) ((const int64_t[PROFILE_VALUE_CNT]){__VA_ARGS__})

/* The caller frees it. Without any stack; and with those of the head comment. */
struct profile *sample_profile__new_empty(void);
struct profile *sample_profile__new(void);

/* Adds a stack of one Python frame. */
void sample_profile__add_one(struct profile *profile, const char *function, const char *file,
			     int32_t line, int64_t live_bytes);
