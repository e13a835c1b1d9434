// SPDX-License-Identifier: BSD-2-Clause
#include "output/profile_report.h"

#include <errno.h>
#include <math.h>

#include "target/shortage.h"
#include "util/cleanup.h"

#define NS_PER_S 1000000000

/*
 * Fills in a stack's values from the totals of a site; in watch mode, from what is known about
 * pools.
 */
static void fill_values(const struct site_totals *totals, const struct heap_layout *layout,
			bool by_block, int64_t *values)
{
	values[PROFILE_LIVE_BYTES] = llround(totals->live_bytes);
	values[PROFILE_LIVE_BLOCKS] = llround(totals->live_blocks);
	values[PROFILE_HOSTAGE_BYTES] =
		llround(by_block ? totals->hostage_bytes : totals->pool_hostage_bytes);
	values[PROFILE_GROWN_BYTES] = (int64_t)(totals->pools_taken * layout->span_size);
	if (!totals->pools_taken)
		values[PROFILE_GROWN_BYTES] = (int64_t)(totals->arenas_taken * layout->region_size);
}

static int add_site(struct profile *profile, const struct ranked_site *site,
		    const struct heap_layout *layout, bool by_block)
{
	struct profile_frame frames[PYFRAG_STACK_DEPTH_MAX];
	int64_t values[PROFILE_VALUE_CNT];
	uint32_t cnt = site->stack.frame_cnt;

	if (cnt > PYFRAG_STACK_DEPTH_MAX)
		return -EOVERFLOW;
	for (uint32_t i = 0; i < cnt; i++)
		frames[i] = (struct profile_frame){.function = site->stack.frames[i].function,
						   .file = site->stack.frames[i].file,
						   .line = site->stack.frames[i].line,
						   .kind = PROFILE_FRAME_PYTHON};
	fill_values(&site->totals, layout, by_block, values);
	return profile__add(profile, frames, cnt, site->stack.truncated, values);
}

static int add_unknown(struct profile *profile, const struct site_ranking *ranking,
		       const struct heap_layout *layout)
{
	const struct profile_frame frame = {.function = "[unknown site]",
					    .kind = PROFILE_FRAME_MARK};
	int64_t values[PROFILE_VALUE_CNT];

	fill_values(&ranking->unknown, layout, ranking->keeps_blocks, values);
	return profile__add(profile, &frame, 1, false, values);
}

static int make_profile(struct profile **out, const struct report *report)
{
	const struct heap_layout *layout = &report->findings->layout;
	const struct site_ranking *ranking = report->sites;
	_cleanup_(profile__freep) struct profile *profile = NULL;
	struct profile_info info = {
		.pid = report->target->pid,
		.comm = report->target->comm,
		.python_version = report->python->version,
		.duration_ns = (int64_t)(report->tracing->traced_for_s * NS_PER_S),
		.sample_bytes = (int64_t)ranking->sample_bytes,
	};
	int err;

	info.time_ns =
		report->time.tv_sec * (int64_t)NS_PER_S + report->time.tv_nsec - info.duration_ns;
	err = profile__new(&profile, &info, report->account);
	for (size_t i = 0; i < ranking->cnt && !err; i++)
		err = add_site(profile, &ranking->items[i], layout, ranking->keeps_blocks);
	if (!err)
		err = add_unknown(profile, ranking, layout);
	if (err)
		return err;
	*out = TAKE_PTR(profile);
	return 0;
}

int profile_report__write(struct report_output *output, const struct report *report,
			  profile_format_fn *format, struct failure *failure)
{
	_cleanup_(profile__freep) struct profile *profile = NULL;
	struct failure cause;
	int err = make_profile(&profile, report);

	if (!err)
		err = format(profile, output->options, output->stream);
	if (!account__is_short(err))
		return err ? report_output__describe(output, err, failure) : 0;
	shortage__describe(report->target, err, &cause);
	return failure__set(failure, err, "cannot write the profile to %.500s: %s",
			    output->file->path, cause.text);
}
