/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last look before a probe goes in: is the code at that very place, in this process, now, what
 * the site claims?
 *
 * A breakpoint in the middle of an instruction, or at another instruction than the one that the
 * kernel has copied from the file and runs in its place, ends the process that hits it. Where a
 * site is comes from a scan that may be old, or from the cache; meanwhile the file may have been
 * overwritten, or the process may have patched its code. So before each attach, of each function
 * that has sites:
 *
 * - the file's bytes are read again, decoded from the function's first byte on, and searched for
 *   the shapes again. Only sites are kept that this finds at the same address, with the same type,
 *   operands and kind of instruction. (Sites that are found by name: the symbol is looked up again,
 *   and an instruction begins there.)
 * - the process's bytes are read wherever it has mapped that part of the file, and must be the
 *   same.
 *
 * One difference is allowed: a breakpoint where an instruction begins, for that is how another
 * tracer, or another pyfrag, looks in the process's memory. The kernel shares the
 * breakpoint between all that have a uprobe there, and runs the instruction that it has copied from
 * the file. Any other difference drops all sites of the function.
 *
 * What remains is the moment between this and the kernel's own reading of the file (some
 * milliseconds): who can use it must be able to write to the very file that the process runs, or be
 * the process itself.
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
 * For probes in the file behind @fd, which lies in the process with @bias (address in the process -
 * address in the file). @code_bytes_max: as site_cache__find(). Returns 0; -ENOTSUP: this machine
 * does not run the file's code; or negative errno. The caller frees; @fd stays the caller's.
 */
int site_check__new(struct site_check **out, int fd, uint64_t bias, uint64_t code_bytes_max);
void site_check__free(struct site_check *check);
void site_check__freep(struct site_check **check);

/*
 * Moves those of @sites that can be probed to the front, in the order they had, and says in
 * *sound_cnt how many there are. @places: where the process has the file mapped; @memory: that of
 * the process. To be called again before each attach: functions are decoded once, and compared each
 * time. Sites whose code cannot be read are dropped. Returns 0; -ENOEXEC: the file is no ELF file
 * any more; or negative errno.
 */
int site_check__select(struct site_check *check, const struct file_places *places,
		       const struct memory *memory, const struct site **sites, size_t cnt,
		       size_t *sound_cnt);

/*
 * The same for @target as it is now. If the file is not mapped any more where it was, all are
 * dropped. Returns as above; -ESRCH: the process has exited.
 */
int site_check__select_in(struct site_check *check, struct target *target,
			  const struct site **sites, size_t cnt, size_t *sound_cnt);
