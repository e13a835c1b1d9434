/* SPDX-License-Identifier: BSD-2-Clause */
/* How often something is done, and how much it may cost. */
#pragma once

struct pace {
	double interval_s;
	/* A share of the CPU time of a core or of another process, as the owner defines. */
	double budget;
};
