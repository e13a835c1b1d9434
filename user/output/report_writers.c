// SPDX-License-Identifier: BSD-2-Clause
#include "output/report_writers.h"

#include <stdio.h>

#include "util/cleanup.h"

const struct report_writer *report_writers__at(size_t place)
{
	static const struct report_writer *const writers[] = {
#define X(name) &report_writer_##name,
		REPORT_WRITERS(X)
#undef X
	};

	return place < ARRAY_SIZE(writers) ? writers[place] : NULL;
}

struct report_writer_names report_writers__at_end(void)
{
	struct report_writer_names names = {};
	const struct report_writer *writer;
	size_t cnt = 0, done = 0, length = 0;

	for (size_t i = 0; (writer = report_writers__at(i)); i++)
		cnt += writer->at_end;
	for (size_t i = 0; (writer = report_writers__at(i)) && length < sizeof(names.text); i++) {
		if (!writer->at_end)
			continue;
		length += (size_t)snprintf(names.text + length, sizeof(names.text) - length, "%s%s",
					   !done	    ? ""
					   : done + 1 < cnt ? ", "
							    : " or ",
					   writer->name);
		done++;
	}
	return names;
}
