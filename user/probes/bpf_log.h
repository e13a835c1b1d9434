/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of libbpf, which writes them to standard error by default: they are shown only with
 * --verbose. Reporting the failure itself is up to the caller of libbpf.
 */
#pragma once

/* Takes effect immediately. May be called again. */
void bpf_log__forward(void);
