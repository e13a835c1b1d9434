// SPDX-License-Identifier: BSD-2-Clause
#include "cmd/profile_output.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analysis/profile.h"
#include "output/collapsed.h"
#include "output/pprof.h"
#include "target/shortage.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/reader_gone.h"

#define NS_PER_S 1000000000

int profile_output__open(struct out_file **out, const struct options *options)
{
	struct failure failure;
	int err = options->output_path ? out_file__open(out, options->output_path, &failure)
				       : out_file__stdout(out, &failure);

	if (err)
		log_error("%s", failure.text);
	return err;
}

/* What of the totals goes into a profile; in mode watch what is known of pools. */
static void fill_values(const struct site_totals *totals, const struct geometry *geometry,
			bool by_block, int64_t *values)
{
	values[PROFILE_LIVE_BYTES] = llround(totals->live_bytes);
	values[PROFILE_LIVE_BLOCKS] = llround(totals->live_blocks);
	values[PROFILE_HOSTAGE_BYTES] =
		llround(by_block ? totals->hostage_bytes : totals->pool_hostage_bytes);
	values[PROFILE_GROWN_BYTES] = (int64_t)(totals->pools_taken * geometry->pool_size);
	if (!totals->pools_taken)
		values[PROFILE_GROWN_BYTES] =
			(int64_t)(totals->arenas_taken * geometry->arena_size);
}

static int add_site(struct profile *profile, const struct ranked_site *site,
		    const struct geometry *geometry, bool by_block)
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
	fill_values(&site->totals, geometry, by_block, values);
	return profile__add(profile, frames, cnt, site->stack.truncated, values);
}

static int add_unknown(struct profile *profile, const struct site_ranking *ranking,
		       const struct geometry *geometry)
{
	const struct profile_frame frame = {.function = "[not seen]", .kind = PROFILE_FRAME_MARK};
	int64_t values[PROFILE_VALUE_CNT];

	fill_values(&ranking->unknown, geometry, ranking->keeps_blocks, values);
	return profile__add(profile, &frame, 1, false, values);
}

static int make_profile(struct profile **out, const struct heap_source *source,
			const struct site_ranking *ranking, double traced_for_s)
{
	const struct geometry *geometry = &source->allocators.geometry;
	_cleanup_(profile__freep) struct profile *profile = NULL;
	struct profile_info info = {
		.pid = source->target->pid,
		.comm = source->target->comm,
		.python_version = source->python->version,
		.duration_ns = (int64_t)(traced_for_s * NS_PER_S),
		.sample_bytes = (int64_t)ranking->sample_bytes,
	};
	struct timespec now;
	int err;

	clock_gettime(CLOCK_REALTIME, &now);
	info.time_ns = now.tv_sec * (int64_t)NS_PER_S + now.tv_nsec - info.duration_ns;
	err = profile__new(&profile, &info, source->account);
	for (size_t i = 0; i < ranking->cnt && !err; i++)
		err = add_site(profile, &ranking->items[i], geometry, ranking->keeps_blocks);
	if (!err)
		err = add_unknown(profile, ranking, geometry);
	if (err)
		return err;
	*out = TAKE_PTR(profile);
	return 0;
}

int profile_output__write(struct out_file *file, const struct options *options,
			  const struct heap_source *source, const struct site_ranking *ranking,
			  double traced_for_s)
{
	_cleanup_(profile__freep) struct profile *profile = NULL;
	struct failure failure;
	int err = make_profile(&profile, source, ranking, traced_for_s);

	if (!err)
		err = options->format == FORMAT_PPROF
			      ? pprof__write(profile, file->stream)
			      : collapsed__write(profile, options->value, file->stream);
	if (!err)
		err = out_file__commit(file);
	if (account__is_short(err)) {
		shortage__describe(source->target, err, &failure);
		log_error("cannot write the profile to %s: %s", file->path, failure.text);
	} else if (err && !reader_gone__check(file->stream))
		log_error("cannot write the profile to %s: %s", file->path, strerror(-err));
	return err;
}
