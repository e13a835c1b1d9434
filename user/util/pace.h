/* SPDX-License-Identifier: BSD-2-Clause */
/* How often something is done, and what that may cost. */
#pragma once

struct pace {
	double interval_s;
	/* A share of the CPU time of a core, or of another process: its owner says which. */
	double budget;
};
