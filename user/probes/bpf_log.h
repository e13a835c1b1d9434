/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What libbpf says, which by itself writes to standard error: it is shown with --verbose only. That
 * something failed is said by whoever asked for it.
 */
#pragma once

/* From here on. May be called again. */
void bpf_log__forward(void);
