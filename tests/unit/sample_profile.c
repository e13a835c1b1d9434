// SPDX-License-Identifier: BSD-2-Clause
#include "sample_profile.h"

#include "unit_test.h"

struct profile *sample_profile__new_empty(void)
{
	const struct profile_info info = {
		.pid = 4242,
		.comm = "gunicorn",
		.python_version = "3.11.2",
		.time_ns = 1700000000123456789,
		.duration_ns = 60000000000,
		.sample_bytes = 524288,
	};
	struct profile *profile;

	assert_int_equal(profile__new(&profile, &info, NULL), 0);
	return profile;
}

static void add(struct profile *profile, const struct profile_frame *frames, size_t cnt,
		bool truncated, const int64_t *values)
{
	assert_int_equal(profile__add(profile, frames, cnt, truncated, values), 0);
}

struct profile *sample_profile__new(void)
{
	struct profile *profile = sample_profile__new_empty();

	add(profile,
	    SAMPLE_FRAMES(SAMPLE_PYTHON("loads", "/usr/lib/python3.11/json/__init__.py", 346),
			  SAMPLE_PYTHON("handle", "app.py", 42),
			  SAMPLE_PYTHON("main", "app.py", 10)),
	    3, false, SAMPLE_VALUES(1000, 10, 300, 0));
	add(profile,
	    SAMPLE_FRAMES(SAMPLE_PYTHON("handle", "app.py", 43),
			  SAMPLE_PYTHON("main", "app.py", 10)),
	    2, false, SAMPLE_VALUES(2000, 20, 0, 16384));
	add(profile,
	    SAMPLE_FRAMES(SAMPLE_NATIVE("scan_once", "_json.so"),
			  SAMPLE_PYTHON("loads", "/usr/lib/python3.11/json/__init__.py", 346)),
	    2, true, SAMPLE_VALUES(400, 4, 100, 1048576));
	add(profile, NULL, 0, false, SAMPLE_VALUES(50, 1, 0, 0));
	add(profile,
	    SAMPLE_FRAMES(SAMPLE_PYTHON("handle", "app.py", 43),
			  SAMPLE_PYTHON("main", "app.py", 10)),
	    2, false, SAMPLE_VALUES(0, 0, 7, 16384));
	return profile;
}

void sample_profile__add_one(struct profile *profile, const char *function, const char *file,
			     int32_t line, int64_t live_bytes)
{
	add(profile, SAMPLE_FRAMES(SAMPLE_PYTHON(function, file, line)), 1, false,
	    SAMPLE_VALUES(live_bytes));
}
