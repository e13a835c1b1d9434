// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: whatever _Py_DebugOffsets says, it is either refused or gives offsets that lie within
 * structures of a plausible size, and the copy of a frame includes every member that is read. An
 * error changes nothing. Parsing from memory gives the same as parsing the same bytes. Walking the
 * list of interpreters by those offsets terminates.
 *
 * Input: the minor version, then edits of a real image, one word each: the word's number, and eight
 * bytes. Numbers past the image address the memory after _PyRuntime.
 */
#include <errno.h>

#include "fuzz.h"

#include "debug_offsets.h"
#include "fake_memory.h"
#include "target/interpreter_list.h"
#include "target/offsets.h"
#include "util/cleanup.h"

#define RUNTIME	      0x555555a00000UL
#define RUNTIME_WORDS 1024

static const struct image {
	int minor;
	const uint64_t *words;
	size_t cnt;
} images[] = {
	{13, debug_offsets_313, DEBUG_OFFSETS_313_WORDS},
	{14, debug_offsets_314, DEBUG_OFFSETS_314_WORDS},
	{15, debug_offsets_315, DEBUG_OFFSETS_315_WORDS},
};

static void check_offsets(const struct py_offsets *offsets)
{
	uint32_t frame_bytes = py_offsets__frame_bytes(offsets);

	CHECK(frame_bytes && frame_bytes < PY_FRAME_WORDS * sizeof(uint64_t));
	CHECK(offsets->frame_previous + 8U <= frame_bytes);
	CHECK(offsets->frame_code + 8U <= frame_bytes);
	CHECK(offsets->frame_instr + 8U <= frame_bytes);
	CHECK(offsets->frame_owner == PY_NO_OFFSET || offsets->frame_owner < frame_bytes);
	CHECK(offsets->instr_kind <= PY_INSTR_NEXT);
	CHECK(offsets->line_kind <= PY_LINES_LOCATIONS);
	CHECK(offsets->code_first_traceable == PY_NO_OFFSET ||
	      offsets->code_first_traceable < offsets->code_code);
}

static void check_list(const struct py_offsets *offsets, const struct memory *memory)
{
	_cleanup_account_free_ uint64_t *interpreters = NULL;
	size_t cnt = 0;
	uint64_t head = RUNTIME + offsets->runtime_interpreters_head;
	int err = interpreter_list__read(head, offsets->interpreter_next, memory, &interpreters,
					 &cnt);

	CHECK(!err || err == -ELOOP || err == -EFAULT);
	CHECK(cnt <= 4096 && !(err && interpreters));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	const struct image *image = &images[fuzz_input__byte(&input) % ARRAY_SIZE(images)];
	uint64_t *words = calloc(RUNTIME_WORDS, sizeof(*words));
	struct py_offsets offsets, again, untouched;
	struct failure failure = {};
	struct fake_memory memory;
	int err;

	CHECK(words);
	memcpy(words, image->words, image->cnt * sizeof(*words));
	while (input.size) {
		uint16_t index;

		fuzz_input__take(&input, &index, sizeof(index));
		fuzz_input__take(&input, &words[index % RUNTIME_WORDS], sizeof(*words));
	}
	memset(&offsets, 0x5a, sizeof(offsets));
	untouched = again = offsets;
	err = py_offsets__parse(&offsets, image->minor, words, image->cnt * sizeof(*words),
				&failure);
	CHECK(!err || err == -ENOTSUP || err == -EBADMSG);
	if (err)
		CHECK(!memcmp(&offsets, &untouched, sizeof(offsets)) && failure.text[0]);
	else
		check_offsets(&offsets);

	fake_memory__init(&memory);
	memcpy(fake_memory__map(&memory, RUNTIME, RUNTIME_WORDS * sizeof(*words)), words,
	       RUNTIME_WORDS * sizeof(*words));
	CHECK(py_offsets__find(&again, 3, image->minor, RUNTIME, &memory.memory, &failure) == err);
	if (!err)
		check_list(&again, &memory.memory);
	CHECK(err || !memcmp(&again, &offsets, sizeof(again)));
	fake_memory__release(&memory);
	free(words);
	return 0;
}
