// SPDX-License-Identifier: BSD-2-Clause
#include "host/host_table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/cleanup.h"
#include "util/text.h"
#include "util/units.h"

#define BYTES(bytes)	     units__bytes(bytes).text
#define COUNT(count)	     units__count(count).text
#define COUNTED(count, noun) units__counted(count, noun).text
#define PERCENT(share)	     units__percent(share).text

/* Slower growth counts as none: single arenas come and go. */
#define GROWTH_MIN_BYTES 1024.0
#define COMMAND_BYTES	 60

static uint64_t hostage_bytes(const struct watched *watched)
{
	return watched->has_last ? watched->last.findings.pinned.hostage_bytes : 0;
}

static int compare(const void *left, const void *right)
{
	const struct watched *a = *(struct watched *const *)left,
			     *b = *(struct watched *const *)right;

	if (hostage_bytes(a) != hostage_bytes(b))
		return hostage_bytes(a) < hostage_bytes(b) ? 1 : -1;
	return (a->pid > b->pid) - (a->pid < b->pid);
}

static void write_trend(const struct watched *watched, FILE *out)
{
	double growth = growth__per_minute(&watched->trend);
	char text[48];

	if (fabs(growth) < GROWTH_MIN_BYTES)
		snprintf(text, sizeof(text), "-");
	else
		snprintf(text, sizeof(text), "%c%s/min", growth < 0 ? '-' : '+',
			 BYTES((uint64_t)llround(fabs(growth))));
	fprintf(out, " %14s", text);
}

static void write_name(const struct watched *watched, bool hides_cmdline, FILE *out)
{
	const struct target *target = watched->source->target;

	text__write(target->comm, out);
	/* Most programs are called python; the arguments show what they run. */
	if (!hides_cmdline && *target->cmdline && target->cmdline[1]) {
		fputc(' ', out);
		text__write_words(target->cmdline + 1, COMMAND_BYTES, out);
	}
	if (*watched->identity.unit) {
		fputs("  [", out);
		text__write(watched->identity.unit, out);
		fputc(']', out);
	}
	if (watched__trouble(watched))
		fprintf(out, "  (not read: %s)", watched__trouble(watched));
	fputc('\n', out);
}

static void write_line(const struct watched *watched, bool hides_cmdline, FILE *out)
{
	const struct heap_totals *totals = &watched->last.findings.measure.totals;
	const struct pinned *pinned = &watched->last.findings.pinned;

	fprintf(out, "  %8d %-8.8s %-10s", watched->pid, watched->identity.user,
		watched->source->python->version);
	if (!watched->has_last) {
		fprintf(out, " %12s %10s %8s %10s %12s %12s %14s  ", "?", "?", "?", "?", "?", "?",
			"?");
		write_name(watched, hides_cmdline, out);
		return;
	}
	fprintf(out, " %12s %10s %8s %10s %12s %12s", BYTES(totals->region_bytes),
		BYTES(totals->live_bytes), PERCENT(heap_totals__fragmentation(totals)),
		COUNT(pinned->region_cnt), BYTES(pinned->hostage_bytes),
		watched->last.knows_shared ? BYTES(watched->last.shared_bytes) : "?");
	write_trend(watched, out);
	fputs("  ", out);
	write_name(watched, hides_cmdline, out);
}

static void write_sum(const struct host *host, struct watched *const *watched, size_t cnt,
		      FILE *out)
{
	const struct host_counts *counts = host__counts(host);
	uint64_t arena_bytes = 0, hostage = 0;
	struct tm local;
	char text[32];
	time_t now = time(NULL);

	for (size_t i = 0; i < cnt; i++) {
		hostage += hostage_bytes(watched[i]);
		if (watched[i]->has_last)
			arena_bytes += watched[i]->last.findings.measure.totals.region_bytes;
	}
	localtime_r(&now, &local);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local);
	fprintf(out, "%s  %s Python process%s: %s of arenas, %s held back by pinned arenas", text,
		COUNT(cnt), cnt == 1 ? "" : "es", BYTES(arena_bytes), BYTES(hostage));
	if (counts->deferred)
		fprintf(out, "; %s delayed by the budget so far",
			COUNTED(counts->deferred, "reading"));
	if (counts->hanging)
		fprintf(out, "; %s stalled now", COUNTED(counts->hanging, "reading"));
	if (counts->read_errors)
		fprintf(out, "; %s failed so far", COUNTED(counts->read_errors, "reading"));
	fputc('\n', out);
}

int host_table__write(const struct host *host, bool hides_cmdlines, FILE *out)
{
	struct watched *const *watched;
	size_t cnt = host__watched(host, &watched);
	_cleanup_free_ struct watched **sorted = calloc(cnt + 1, sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	memcpy(sorted, watched, cnt * sizeof(*sorted));
	qsort(sorted, cnt, sizeof(*sorted), compare);
	errno = 0;
	write_sum(host, watched, cnt, out);
	fprintf(out, "  %8s %-8s %-10s %12s %10s %8s %10s %12s %12s %14s  %s\n", "pid", "user",
		"version", "arenas", "live", "fragm.", "pinned", "held back", "shared", "growth",
		"name");
	for (size_t i = 0; i < cnt; i++)
		write_line(sorted[i], hides_cmdlines, out);
	fputc('\n', out);
	if (fflush(out) || ferror(out))
		return errno ? -errno : -EIO;
	return 0;
}
