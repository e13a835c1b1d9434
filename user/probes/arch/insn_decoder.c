// SPDX-License-Identifier: BSD-2-Clause
#include "probes/arch/insn_decoder.h"

#include <errno.h>
#include <stdlib.h>

#include "util/cleanup.h"

struct insn_decoder {
	const struct arch *arch;
	void *state;
};

int insn_decoder__new(struct insn_decoder **out, const struct arch *arch)
{
	_cleanup_(insn_decoder__freep) struct insn_decoder *decoder = calloc(1, sizeof(*decoder));
	int err;

	if (!decoder)
		return -ENOMEM;
	decoder->arch = arch;
	err = arch->new_state ? arch->new_state(&decoder->state) : 0;
	if (err)
		return err;
	*out = TAKE_PTR(decoder);
	return 0;
}

void insn_decoder__free(struct insn_decoder *decoder)
{
	if (!decoder)
		return;
	if (decoder->state)
		decoder->arch->free_state(decoder->state);
	free(decoder);
}

void insn_decoder__freep(struct insn_decoder **decoder)
{
	insn_decoder__free(*decoder);
}

static size_t skip(const struct arch *arch, size_t size, struct insn *steps)
{
	steps[0] = INSN_NOTHING;
	steps[0].op = INSN_UNDECODED;
	steps[0].size = size < arch->skipped_bytes ? (uint8_t)size : arch->skipped_bytes;
	steps[0].clobbered = UINT32_MAX;
	return 1;
}

size_t insn_decoder__decode(struct insn_decoder *decoder, const uint8_t *bytes, size_t size,
			    uint64_t address, struct insn *steps)
{
	const struct arch *arch = decoder->arch;
	size_t cnt = arch->decode(decoder->state, bytes, size, address, steps);

	if (!cnt)
		cnt = skip(arch, size, steps);
	for (size_t i = 0; i < cnt; i++) {
		steps[i].address = address;
		steps[i].size = steps[0].size;
		steps[i].uprobe = steps[0].uprobe;
		steps[i].step = (uint8_t)i;
		steps[i].step_cnt = (uint8_t)cnt;
	}
	return cnt;
}
