/* SPDX-License-Identifier: BSD-2-Clause */
/* An instruction to probe, as reported by the scan for shapes (shapes.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pyfrag/events.h"

struct shape_site {
	uint64_t address; /* of the instruction to probe */
	bool emulated;
	bool weak; /* weak evidence: used only if no better site of its type is found */
	struct pyfrag_site site;
};
