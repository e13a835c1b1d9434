/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the options say of watching a whole host.
 */
#pragma once

#include "cmd/options.h"
#include "host/host.h"

struct host_options host_options__of(const struct options *options);
