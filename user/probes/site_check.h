/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The final check before a probe is inserted: is the code at this address, in this process, now,
 * what the site claims?
 *
 * A breakpoint in the middle of an instruction, or on an instruction other than the one that the
 * kernel has copied from the file and executes in its place, crashes the process that hits it. The
 * location of a site comes from a scan that may be old, or from the cache. In the meantime the file
 * may have been overwritten, or the process may have patched its code. So before each attach, for
 * each function that has sites:
 *
 * - The file's bytes are read again, decoded from the first byte of the function, and searched for
 *   the shapes again. A site is kept only if this finds it at the same address, with the same type,
 *   operands and kind of instruction. (For a site that was found by name, the symbol is looked up
 *   again, and an instruction must begin there.)
 * - The process's bytes are read wherever it has mapped this part of the file, and must be the
 *   same.
 *
 * One difference is allowed: a breakpoint where an instruction begins. This is what another tracer,
 * or another pyfrag, looks like in the memory of the process. The kernel shares the breakpoint
 * between all uprobes at this address, and executes the instruction that it has copied from the
 * file. Any other difference drops all sites of the function.
 *
 * What remains is the time between this check and the kernel's own reading of the file (some
 * milliseconds). Only somebody who can write to the very file that the process executes, or the
 * process itself, can exploit it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probes/sites.h"
#include "target/file_places.h"
#include "target/memory.h"
#include "target/target.h"

struct site_check;

/*
 * For probes in the file @fd, which the process has mapped with @bias (address in the process -
 * address in the file). @code_bytes_max: as for site_cache__find(). Returns 0; -ENOTSUP: this
 * machine does not execute the file's code; or negative errno. The caller frees *out, and keeps
 * @fd.
 */
int site_check__new(struct site_check **out, int fd, uint64_t bias, uint64_t code_bytes_max);
void site_check__free(struct site_check *check);
void site_check__freep(struct site_check **check);

/*
 * Moves those of @sites that can be probed to the front, in their original order, and stores their
 * number in *sound_cnt. @places: where the process has mapped the file. @memory: that of the
 * process. Call it again before each attach: functions are decoded once, but compared each time.
 * Sites whose code cannot be read are dropped. Returns 0; -ENOEXEC: the file is not an ELF file any
 * more; or negative errno.
 */
int site_check__select(struct site_check *check, const struct file_places *places,
		       const struct memory *memory, const struct site **sites, size_t cnt,
		       size_t *sound_cnt);

/*
 * The same for the current state of @target. If the file is no longer mapped where it was, all
 * sites are dropped. Returns the same; -ESRCH: the process has exited.
 */
int site_check__select_in(struct site_check *check, struct target *target,
			  const struct site **sites, size_t cnt, size_t *sound_cnt);
