// SPDX-License-Identifier: BSD-2-Clause
#include "host/own_metrics.h"

#include <stddef.h>

#include "output/open_metrics.h"
#include "util/account.h"
#include "util/cleanup.h"

enum source {
	SOURCE_COUNTS, /* struct host_counts */
	SOURCE_MEMORY, /* struct account_usage */
	SOURCE_EXTRA,  /* struct host_metrics_extra */
	SOURCE_CNT,
};

/*
 * A metric whose value is at @offset of @source: a double, or an integer to be multiplied by
 * @scale.
 */
struct own_metric {
	struct metric_family family;
	enum source source;
	size_t offset;
	bool is_double;
	double scale;
};

#define IS_DOUBLE(type, member) _Generic(((type *)NULL)->member, double : true, uint64_t : false)
#define OF(number, type, member, factor)                                                           \
	.source = (number), .offset = offsetof(type, member),                                      \
	.is_double = IS_DOUBLE(type, member), .scale = (factor)
#define COUNT(member)	 OF(SOURCE_COUNTS, struct host_counts, member, 1)
#define COUNT_NS(member) OF(SOURCE_COUNTS, struct host_counts, member, 1e-9)
#define MEMORY(member)	 OF(SOURCE_MEMORY, struct account_usage, member, 1)
#define EXTRA(member)	 OF(SOURCE_EXTRA, struct host_metrics_extra, member, 1)

static const struct own_metric metrics[] = {
	{{"pyfrag_pythons_found", NULL, "Python processes found.", true}, COUNT(found)},
	{{"pyfrag_pythons_gone", NULL,
	  "Python processes that are no longer watched; most of them have ended.", true},
	 COUNT(gone)},
	{{"pyfrag_pythons_unreadable", NULL,
	  "Failed examinations of Python processes; the heaps of these processes are not read.",
	  true},
	 COUNT(unreadable)},
	{{"pyfrag_readings", NULL, "Readings of heaps.", true}, COUNT(readings)},
	{{"pyfrag_read_errors", NULL, "Readings that failed.", true}, COUNT(read_errors)},
	{{"pyfrag_readings_cut_short", NULL,
	  "Readings and examinations that exceeded the CPU time limit (--max-cpu).", true},
	 COUNT(overruns)},
	{{"pyfrag_readings_deferred", NULL,
	  "Number of times that due readings were delayed by the budget.", true},
	 COUNT(deferred)},
	{{"pyfrag_pictures_forgotten", NULL, "Heap images dropped to stay within --max-memory.",
	  true},
	 COUNT(forgotten)},
	{{"pyfrag_memory_accounted_bytes", "bytes", "Memory for the heap images of all processes.",
	  false},
	 MEMORY(used_bytes)},
	{{"pyfrag_memory_limit_bytes", "bytes",
	  "Limit on pyfrag_memory_accounted_bytes (--max-memory).", false},
	 MEMORY(limit_bytes)},
	{{"pyfrag_memory_refusals", NULL, "Allocations refused because of the memory limit.", true},
	 MEMORY(refused)},
	{{"pyfrag_readings_late", NULL,
	  "Readings and examinations that were not finished within half a second.", true},
	 COUNT(late)},
	{{"pyfrag_readings_hanging", NULL,
	  "Stalled readings: they are still running after more than half a second.", false},
	 COUNT(hanging)},
	{{"pyfrag_readings_held_back", NULL,
	  "Examinations of processes delayed because readings of other processes of the same user "
	  "stalled or exceeded the budget.",
	  true},
	 COUNT(held_back)},
	{{"pyfrag_files_left_out", NULL,
	  "Executable files not examined, beyond 1024 files or 1 GiB of symbols per process.",
	  true},
	 COUNT(files_left_out)},
	{{"pyfrag_processes_left_out", NULL,
	  "Python processes not watched because of the limits on memory and descriptors.", true},
	 COUNT(left_out)},
	{{"pyfrag_process_events_lost", NULL, "Process start events (fork, exec) that were lost.",
	  true},
	 COUNT(events_lost)},
	{{"pyfrag_reading_cpu_seconds", "seconds", "CPU time for finding and reading processes.",
	  true},
	 COUNT_NS(taken_ns)},
	{{"pyfrag_cpu_seconds", "seconds", "CPU time of pyfrag.", true}, EXTRA(cpu_s)},
	{{"pyfrag_memory_bytes", "bytes", "Resident memory of pyfrag.", false},
	 EXTRA(resident_bytes)},
	{{"pyfrag_alerts_fired", NULL, "Alerts that have fired.", true}, EXTRA(alerts_fired)},
	{{"pyfrag_alerts_firing", NULL, "Alerts that are firing.", false}, EXTRA(alerts_firing)},
	{{"pyfrag_alerts_undelivered", NULL, "Alert messages that were not delivered.", true},
	 EXTRA(alerts_undelivered)},
	{{"pyfrag_connections_closed", NULL,
	  "Connections closed because they took too long or there were too many.", true},
	 EXTRA(connections_closed)},
	{{"pyfrag_reports_written", NULL,
	  "Reports written for clients, not counting those served from the cache.", true},
	 EXTRA(reports_written)},
	{{"pyfrag_requests_refused", NULL,
	  "Report requests answered with 429: the CPU time for reports was used up.", true},
	 EXTRA(requests_refused)},
	{{"pyfrag_serving_held_back", NULL,
	  "Number of times that requests waited: the CPU time for serving was used up.", true},
	 EXTRA(serving_held_back)},
	{{"pyfrag_scrapes", NULL, "Scrapes answered before this one.", true}, EXTRA(scrapes)},
	{{"pyfrag_scrape_duration_seconds", "seconds", "Duration of the last scrape.", false},
	 EXTRA(scrape_s)},
};

void own_metrics__write(const struct host *host, const struct host_metrics_extra *extra,
			bool open_metrics, FILE *out)
{
	const struct account_usage memory = host__memory(host);
	const void *const sources[SOURCE_CNT] = {[SOURCE_COUNTS] = host__counts(host),
						 [SOURCE_MEMORY] = &memory,
						 [SOURCE_EXTRA] = extra};

	for (size_t i = 0; i < ARRAY_SIZE(metrics); i++) {
		const struct own_metric *metric = &metrics[i];
		const void *value = (const char *)sources[metric->source] + metric->offset;

		open_metrics__begin(out, &metric->family, open_metrics);
		open_metrics__sample(out, &metric->family, NULL, 0,
				     metric->is_double
					     ? *(const double *)value
					     : (double)*(const uint64_t *)value * metric->scale);
	}
}
