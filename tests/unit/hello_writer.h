/* SPDX-License-Identifier: BSD-2-Clause */
/* A writer that writes "hello" for each report: everything that a new output has to implement. */
#pragma once

#include "output/report_output.h"

extern const struct report_writer report_writer_hello;
