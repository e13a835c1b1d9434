/* SPDX-License-Identifier: BSD-2-Clause */
/* cmocka requires these four headers before its own. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
