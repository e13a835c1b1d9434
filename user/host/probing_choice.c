// SPDX-License-Identifier: BSD-2-Clause
#include "host/probing_choice.h"

#include <math.h>

#define STAY_NS	    (60 * 1000000000UL)
#define STAY_FACTOR 2.0
/* In hostage bytes; more than any process has. */
#define STAY_NEED  1e12
#define ALERT_NEED 1e13

static double need_of(const struct watched *watched, uint64_t now_ns)
{
	double need = (double)watched->last.findings.pinned.hostage_bytes +
		      fmax(growth__per_minute(&watched->trend), 0);

	if (!watched->has_last || !backoff__may_try(&watched->growth_backoff, now_ns))
		return 0;
	if (watched->wants_growth)
		need *= STAY_FACTOR;
	if (watched->wants_growth && now_ns - watched->chosen_ns < STAY_NS)
		need += STAY_NEED;
	return watched->has_alert ? need + ALERT_NEED : need;
}

void probing_choice__make(struct watched *const *watched, size_t cnt, uint64_t now_ns)
{
	struct choice {
		struct watched *watched;
		double need;
	} chosen[PROBED_MAX] = {};

	for (size_t i = 0; i < cnt; i++) {
		struct choice next = {.watched = watched[i], .need = need_of(watched[i], now_ns)};

		for (int j = 0; j < PROBED_MAX; j++) {
			struct choice other = chosen[j];

			if (next.need <= other.need)
				continue;
			chosen[j] = next;
			next = other;
		}
	}
	for (size_t i = 0; i < cnt; i++) {
		bool is_chosen = false;

		for (int j = 0; j < PROBED_MAX; j++)
			is_chosen |= chosen[j].watched == watched[i];
		if (is_chosen && !watched[i]->wants_growth)
			watched[i]->chosen_ns = now_ns;
		watched[i]->wants_growth = is_chosen;
	}
}
