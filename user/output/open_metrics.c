// SPDX-License-Identifier: BSD-2-Clause
#include "output/open_metrics.h"

#include <math.h>
#include <stdlib.h>

#include "util/cleanup.h"
#include "util/text.h"

void open_metrics__begin(FILE *out, const struct metric_family *family, bool open_metrics)
{
	const char *suffix = family->is_counter && !open_metrics ? "_total" : "";

	fprintf(out, "# HELP %s%s %s\n", family->name, suffix, family->help);
	fprintf(out, "# TYPE %s%s %s\n", family->name, suffix,
		family->is_counter ? "counter" : "gauge");
	if (open_metrics && family->unit)
		fprintf(out, "# UNIT %s %s\n", family->name, family->unit);
}

/* Writes valid UTF-8, escaping what would end the value or the line. */
static void write_value(FILE *out, const char *value)
{
	_cleanup_free_ char *text = text__to_safe_utf8(value);

	for (const char *at = text ? text : "?"; *at; at++) {
		if (*at == '\\' || *at == '"')
			fputc('\\', out);
		if (*at == '\n')
			fputs("\\n", out);
		else if ((unsigned char)*at < ' ')
			fputc('?', out);
		else
			fputc(*at, out);
	}
}

void open_metrics__sample(FILE *out, const struct metric_family *family,
			  const struct metric_label *labels, size_t label_cnt, double value)
{
	fprintf(out, "%s%s", family->name, family->is_counter ? "_total" : "");
	for (size_t i = 0; i < label_cnt; i++) {
		fprintf(out, "%c%s=\"", i ? ',' : '{', labels[i].name);
		write_value(out, labels[i].value);
		fputc('"', out);
	}
	if (label_cnt)
		fputc('}', out);
	if (fabs(value) < 1e15 && value == floor(value))
		fprintf(out, " %.0f\n", value);
	else
		fprintf(out, " %.9g\n", value);
}

void open_metrics__end(FILE *out, bool open_metrics)
{
	if (open_metrics)
		fputs("# EOF\n", out);
}
