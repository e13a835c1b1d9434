// SPDX-License-Identifier: BSD-2-Clause
/*
 * Modules of this very process. The compiler knows where its functions and variables are, so what
 * is found by files and /proc must agree with that.
 */
#include "target/module.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "target/live.h"
#include "target/module_data.h"
#include "temp_file.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define PAGE 4096UL

/* In .data, in .bss, and in data that is read-only after relocation. */
static volatile uint64_t data_variable = 0x1122334455667788;
static volatile uint64_t bss_variable;
static const volatile void *const relocated_pointer[] = {&data_variable, &bss_variable};
/* Several times the size that is read at once, so that one piece can fail. */
static volatile uint8_t large_variable[1 << 20];

static __attribute__((noinline, used)) int module_known_static(int value)
{
	return value + (int)data_variable;
}

static uint64_t address_of(const volatile void *pointer)
{
	return (uint64_t)(uintptr_t)pointer;
}

static struct target *open_self(void)
{
	struct target *target = NULL;
	struct failure failure;

	assert_int_equal(live__open(&target, getpid(), &failure), 0);
	return target;
}

/* The module whose code contains @function. */
static struct module *open_module_of(const struct target *target, const void *function)
{
	const struct mapping *mapping = target__find_mapping(target, address_of(function));
	struct module *module = NULL;

	assert_non_null(mapping);
	assert_true(mapping->executable);
	assert_int_equal(module__open(&module, target, mapping), 0);
	return module;
}

static int take_first(struct dl_phdr_info *info, size_t size, void *context)
{
	(void)size;
	*(uint64_t *)context = info->dlpi_addr;
	return 1;
}

static void test_own_executable(void **state)
{
	_cleanup_(target__freep) struct target *target = open_self();
	_cleanup_(module__freep) struct module *module =
		open_module_of(target, (void *)module_known_static);
	struct elf_symbol symbol;
	uint64_t bias = 1;

	(void)state;
	assert_string_equal(module->path, target->exe);
	assert_int_equal(dl_iterate_phdr(take_first, &bias), 1);
	assert_int_equal(module->bias, bias);
	assert_int_equal(elf_file__find_symbol(module->elf, "module_known_static", &symbol), 0);
	assert_int_equal(symbol.address + module->bias, address_of((void *)module_known_static));
	assert_int_equal(elf_file__find_symbol(module->elf, "data_variable", &symbol), 0);
	assert_int_equal(symbol.address + module->bias, address_of(&data_variable));
}

/* A library's segments have other offsets in its file, and it has another load address. */
static void test_library(void **state)
{
	_cleanup_(target__freep) struct target *target = open_self();
	void *function = dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
	_cleanup_(module__freep) struct module *module = NULL;
	struct elf_symbol symbol;
	struct link_map *map;
	Dl_info info;

	(void)state;
	assert_non_null(function);
	assert_true(dladdr1(function, &info, (void **)&map, RTLD_DL_LINKMAP));
	module = open_module_of(target, function);
	assert_int_equal(module->bias, map->l_addr);
	assert_string_not_equal(module->path, target->exe);
	assert_int_equal(elf_file__find_symbol(module->elf, "gnu_get_libc_version", &symbol), 0);
	assert_int_equal(symbol.address + module->bias, address_of(function));
}

/* The kept data holds no file of the process open: closing such a file may block forever. */
static void test_closing_the_file(void **state)
{
	_cleanup_(target__freep) struct target *target = open_self();
	_cleanup_(module__freep) struct module *module =
		open_module_of(target, dlsym(RTLD_DEFAULT, "gnu_get_libc_version"));
	int fd = module->fd;
	struct elf_symbol symbol;

	(void)state;
	module__close_file(module);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_true(fcntl(module->file.path_fd, F_GETFL) & O_PATH);
	assert_int_not_equal(elf_file__find_symbol(module->elf, "gnu_get_libc_version", &symbol),
			     0);
	assert_int_equal(module__reopen_file(module), 0);
	assert_int_equal(elf_file__find_symbol(module->elf, "gnu_get_libc_version", &symbol), 0);
	module__close_file(module);
	module__close_file(module);
	assert_int_equal(module->fd, -1);
}

/* mprotect(2) may split a mapping: the piece after the split begins inside the segment. */
static void test_second_half_of_a_mapping(void **state)
{
	_cleanup_(target__freep) struct target *target = open_self();
	_cleanup_(module__freep) struct module *module = NULL;
	const struct mapping *mapping =
		target__find_mapping(target, address_of((void *)module_known_static));
	struct mapping half;
	uint64_t bias = 1;

	(void)state;
	assert_non_null(mapping);
	half = *mapping;
	assert_true(half.end - half.start >= 2 * PAGE);
	half.start += PAGE;
	half.offset += PAGE;
	/* map_files has no such piece; the executable is opened by its name. */
	assert_int_equal(module__open(&module, target, &half), 0);
	assert_int_equal(dl_iterate_phdr(take_first, &bias), 1);
	assert_int_equal(module->bias, bias);
}

static void *map_code(int fd, off_t offset)
{
	void *code = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, offset);

	if (code == MAP_FAILED) {
		print_message("skipped: mounted noexec\n");
		skip();
	}
	return code;
}

static void test_what_is_no_elf_file(void **state)
{
	_cleanup_(target__freep) struct target *target = NULL;
	char path[] = "/tmp/test_module.XXXXXX", page[PAGE] = "#!/bin/sh\n";
	_cleanup_close_ int fd = mkstemp(path);
	struct module *module = NULL;
	void *code;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, page, sizeof(page)), sizeof(page));
	code = map_code(fd, 0);
	target = open_self();
	assert_int_equal(module__open(&module, target,
				      target__find_mapping(target, address_of(code))),
			 -ENOEXEC);
	assert_null(module);
	munmap(code, PAGE);
	unlink(path);
}

static struct module *open_at(const struct target *target, const void *address)
{
	struct module *module = NULL;

	assert_int_equal(module__open(&module, target,
				      target__find_mapping(target, address_of(address))),
			 0);
	return module;
}

/*
 * A process may map its own executable once more: at an offset without code, or as the loader would
 * but without its other segments. The load address follows from the other mappings.
 */
static void test_strange_mappings_beside_the_loaders(void **state)
{
	_cleanup_(target__freep) struct target *before = open_self(), *target = NULL;
	_cleanup_close_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	_cleanup_(module__freep) struct module *at_headers = NULL, *at_code = NULL;
	const struct mapping *loaders =
		target__find_mapping(before, address_of((void *)module_known_static));
	void *headers = map_code(fd, 0), *code = map_code(fd, (off_t)loaders->offset);
	uint64_t bias = 1;

	(void)state;
	assert_int_equal(dl_iterate_phdr(take_first, &bias), 1);
	target = open_self();
	at_headers = open_at(target, headers);
	assert_int_equal(at_headers->bias, bias);
	at_code = open_at(target, code);
	assert_int_equal(at_code->bias, bias);
	munmap(headers, PAGE);
	munmap(code, PAGE);
}

/* The first page of a copy of it contains headers, which are not in any segment of code. */
static void test_not_mapped_as_the_headers_say(void **state)
{
	_cleanup_(target__freep) struct target *target = NULL;
	_cleanup_close_ int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int fd = temp_file__new("", 0);
	struct module *module = NULL;
	const ElfW(Phdr) * segment;
	ElfW(Ehdr) header;
	_Alignas(ElfW(Phdr)) char page[PAGE];
	void *code;

	(void)state;
	assert_int_equal(pread(self, page, sizeof(page), 0), sizeof(page));
	assert_int_equal(write(fd, page, sizeof(page)), sizeof(page));
	memcpy(&header, page, sizeof(header));
	segment = (const ElfW(Phdr) *)(const void *)(page + header.e_phoff);
	for (int i = 0; i < header.e_phnum; i++, segment++)
		if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X) &&
		    segment->p_offset < PAGE) {
			print_message("skipped: the linker put headers and code together\n");
			skip();
		}
	code = map_code(fd, 0);
	target = open_self();
	assert_int_equal(module__open(&module, target,
				      target__find_mapping(target, address_of(code))),
			 -ENOEXEC);
	assert_null(module);
	munmap(code, PAGE);
}

static void test_no_file(void **state)
{
	_cleanup_(target__freep) struct target *target = NULL;
	struct module *module = NULL;
	void *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(page, MAP_FAILED);
	target = open_self();
	assert_true(module__open(&module, target, target__find_mapping(target, address_of(page))) <
		    0);
	assert_null(module);
	munmap(page, PAGE);
}

struct word_search {
	uint64_t address, word;
};

static int look_for_word(const struct data_piece *piece, void *context)
{
	struct word_search *search = context;
	uint64_t at = search->address - piece->address;

	if (at >= piece->size)
		return 0;
	assert_true(at + sizeof(search->word) <= piece->extent);
	memcpy(&search->word, piece->bytes + at, sizeof(search->word));
	return 1;
}

static uint64_t word_at(const struct data_image *image, const volatile void *pointer)
{
	struct word_search search = {.address = address_of(pointer)};

	assert_int_equal(data_image__visit(image, NULL, look_for_word, &search), 1);
	return search.word;
}

static void test_data_is_what_it_is_now(void **state)
{
	_cleanup_(target__freep) struct target *target = open_self();
	_cleanup_(module__freep) struct module *module =
		open_module_of(target, (void *)module_known_static);

	(void)state;
	for (uint64_t round = 1; round <= 2; round++) {
		_cleanup_(data_image__free) struct data_image image = {};

		bss_variable = 0xabcdef * round;
		data_variable = 0x1122334455667788 * round;
		large_variable[sizeof(large_variable) - 1] = (uint8_t)round;
		assert_int_equal(module__read_data(module, target->memory, &image), 0);
		assert_int_equal(word_at(&image, &data_variable), data_variable);
		assert_int_equal(word_at(&image, &bss_variable), bss_variable);
		assert_int_equal(word_at(&image, large_variable + sizeof(large_variable) - 8),
				 round << 56);
		/* Not the word in the file, but the address of the variable after relocation. */
		assert_int_equal(word_at(&image, &relocated_pointer[0]),
				 address_of(&data_variable));
		assert_int_equal(word_at(&image, &relocated_pointer[1]), address_of(&bss_variable));
	}
}

/* The live process, except for a range that cannot be read. */
struct holed_memory {
	struct memory memory;
	const struct memory *target;
	uint64_t hole;
	int result;
};

static int read_holed(const struct memory *memory, struct memory_range *ranges, size_t cnt)
{
	const struct holed_memory *holed = (const struct holed_memory *)memory;
	int err = memory__read_ranges(holed->target, ranges, cnt);

	for (size_t i = 0; i < cnt; i++) {
		if (holed->hole < ranges[i].address ||
		    holed->hole - ranges[i].address >= ranges[i].size)
			continue;
		ranges[i].failed = true;
		memset(ranges[i].buffer, 0xee, ranges[i].size); /* undefined, by the contract */
	}
	return holed->result ? holed->result : err;
}

static void test_unreadable_data_is_zero(void **state)
{
	_cleanup_(target__freep) struct target *target = open_self();
	_cleanup_(module__freep) struct module *module =
		open_module_of(target, (void *)module_known_static);
	_cleanup_(data_image__free) struct data_image image = {};
	struct holed_memory holed = {
		.memory.read_ranges = read_holed,
		.target = target->memory,
		.hole = address_of(large_variable + sizeof(large_variable) / 2),
	};

	(void)state;
	memset((void *)large_variable, 0x11, sizeof(large_variable));
	assert_int_equal(module__read_data(module, &holed.memory, &image), 0);
	assert_int_equal(word_at(&image, large_variable + sizeof(large_variable) / 2), 0);
	/* A hole does not affect the rest. */
	assert_int_equal(word_at(&image, large_variable), 0x1111111111111111);
	assert_int_equal(word_at(&image, large_variable + sizeof(large_variable) - 8),
			 0x1111111111111111);
}

static void test_process_that_is_gone(void **state)
{
	_cleanup_(target__freep) struct target *target = open_self();
	_cleanup_(module__freep) struct module *module =
		open_module_of(target, (void *)module_known_static);
	struct data_image image = {};
	struct holed_memory gone = {
		.memory.read_ranges = read_holed,
		.target = target->memory,
		.result = -ESRCH,
	};

	(void)state;
	assert_int_equal(module__read_data(module, &gone.memory, &image), -ESRCH);
	assert_null(image.segments);
	assert_int_equal(image.segment_cnt, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_executable),
		cmocka_unit_test(test_library),
		cmocka_unit_test(test_closing_the_file),
		cmocka_unit_test(test_second_half_of_a_mapping),
		cmocka_unit_test(test_what_is_no_elf_file),
		cmocka_unit_test(test_strange_mappings_beside_the_loaders),
		cmocka_unit_test(test_not_mapped_as_the_headers_say),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_data_is_what_it_is_now),
		cmocka_unit_test(test_unreadable_data_is_zero),
		cmocka_unit_test(test_process_that_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
