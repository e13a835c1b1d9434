// SPDX-License-Identifier: BSD-2-Clause
/* Everything about one object, as text. */
#include "output/text_object.h"

#include <stdlib.h>
#include <string.h>

#include "fake_objects.h"
#include "unit_test.h"
#include "util/cleanup.h"

static void check_text(const struct object_report *report, const char *wanted)
{
	_cleanup_(census__freep) struct census *census = NULL;
	_cleanup_free_ char *text = NULL;
	struct world world;
	size_t size;
	FILE *out;

	world__make(&world);
	census = world__take(&world);
	out = open_memstream(&text, &size);
	assert_non_null(out);
	text_object__write(census, report, out);
	assert_int_equal(fclose(out), 0);
	if (!strstr(text, wanted))
		fail_msg("not in it: %s\n%s", wanted, text);
	world__release(&world);
}

static void test_numbers_agree(void **state)
{
	(void)state;
	check_text(&(struct object_report){.dominated_blocks = 1,
					   .dominated_bytes = 64,
					   .dominated_outside = 1,
					   .dominated_buffers = 1,
					   .dominated_outside_bytes = 96,
					   .freed_arenas = 1,
					   .freed_bytes = 262144},
		   "freeing it frees in total 1 block (64 B) in arenas, and 1 object and 1 "
		   "buffer (96 B) outside; this releases 1 arena (256.0 KiB)\n");
	check_text(&(struct object_report){.dominated_blocks = 2,
					   .dominated_bytes = 128,
					   .freed_arenas = 2,
					   .freed_bytes = 524288},
		   "freeing it frees in total 2 blocks (128 B) in arenas, and 0 objects and 0 "
		   "buffers (0 B) outside; this releases 2 arenas (512.0 KiB)\n");
}

static void test_chunk_without_owner(void **state)
{
	struct object_report report = {
		.chunk = {.block = 0x1010, .size = 3008, .state = CHUNK_IN_USE},
		.is_chunk_only = true,
	};

	(void)state;
	check_text(&report,
		   "Chunk of malloc 0x1010: 2.9 KiB, in use; no known Python object refers "
		   "to it: C code holds it\n");
	report.chunk.state = CHUNK_IN_FASTBIN;
	check_text(&report, "Chunk of malloc 0x1010: 2.9 KiB, free, in a fastbin\n");
}

static void test_chunk_that_contains_the_block(void **state)
{
	(void)state;
	check_text(&(struct object_report){.chunk = {.block = 0x1010,
						     .size = 1 << 20,
						     .state = CHUNK_IN_USE,
						     .is_mapped = true},
					   .address = 0x1020},
		   "1.0 MiB, in use, in a mapping of its own; contains the block\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_agree),
		cmocka_unit_test(test_chunk_without_owner),
		cmocka_unit_test(test_chunk_that_contains_the_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
