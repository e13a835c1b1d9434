/* SPDX-License-Identifier: BSD-2-Clause */
/* A place in code that is to be probed, as the scan for shapes reports it (shapes.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pyfrag/events.h"

struct shape_site {
	uint64_t address; /* of the instruction to probe */
	bool emulated;
	bool weak; /* little was recognized: for when nothing better of its type is found */
	struct pyfrag_site site;
};
