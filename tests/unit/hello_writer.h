/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A writer that writes "hello" for each report: all that it takes to add an output.
 */
#pragma once

#include "output/report_output.h"

extern const struct report_writer report_writer_hello;
