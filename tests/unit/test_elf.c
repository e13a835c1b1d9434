// SPDX-License-Identifier: BSD-2-Clause
/*
 * elf.c on this very executable, compared with the dynamic loader and the CPU; on a hand-made file
 * whose content is known; and on damaged versions of both.
 */
#include "target/elf.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "temp_file.h"
#include "tiny_elf.h"
#include "unit_test.h"
#include "util/cleanup.h"

/* The loader's view of the main program. */
struct loaded {
	uint64_t bias;
	const ElfW(Phdr) * headers;
	size_t header_cnt;
};

static int take_first(struct dl_phdr_info *info, size_t size, void *context)
{
	struct loaded *loaded = context;

	(void)size;
	*loaded = (struct loaded){.bias = info->dlpi_addr,
				  .headers = info->dlpi_phdr,
				  .header_cnt = info->dlpi_phnum};
	return 1; /* the first is the program itself */
}

static struct loaded look_at_self(void)
{
	struct loaded loaded = {};

	assert_int_equal(dl_iterate_phdr(take_first, &loaded), 1);
	return loaded;
}

/* Functions and a variable to look up. */
int elf_known_global(int value);
int elf_known_variable = 42;

__attribute__((noinline)) int elf_known_global(int value)
{
	return value * elf_known_variable + 1;
}

static __attribute__((noinline, used)) int elf_known_static(int value)
{
	return value * elf_known_variable + 2;
}

static uint64_t address_of(const volatile void *pointer)
{
	return (uint64_t)(uintptr_t)pointer;
}

struct opened {
	int fd;
	struct elf_file *elf;
};

static void close_opened(struct opened *opened)
{
	elf_file__free(opened->elf);
	closep(&opened->fd);
}

static struct opened open_self(void)
{
	struct opened self = {.fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC)};

	assert_true(self.fd >= 0);
	assert_int_equal(elf_file__open(&self.elf, self.fd), 0);
	return self;
}

static struct opened open_tiny(const struct tiny_elf *tiny)
{
	struct opened opened = {.fd = temp_file__new(tiny, sizeof(*tiny))};

	assert_int_equal(elf_file__open(&opened.elf, opened.fd), 0);
	return opened;
}

static void test_own_symbols(void **state)
{
	_cleanup_(close_opened) struct opened self = open_self();
	struct loaded loaded = look_at_self();
	struct elf_symbol symbol;

	(void)state;
	assert_int_equal(elf_file__find_symbol(self.elf, "elf_known_global", &symbol), 0);
	assert_int_equal(symbol.address + loaded.bias, address_of((void *)elf_known_global));
	assert_true(symbol.function);
	assert_true(symbol.size > 0);

	assert_int_equal(elf_file__find_symbol(self.elf, "elf_known_static", &symbol), 0);
	assert_int_equal(symbol.address + loaded.bias, address_of((void *)elf_known_static));

	assert_int_equal(elf_file__find_symbol(self.elf, "elf_known_variable", &symbol), 0);
	assert_int_equal(symbol.address + loaded.bias, address_of(&elf_known_variable));
	assert_false(symbol.function);
	assert_int_equal(symbol.size, sizeof(elf_known_variable));
}

static void test_symbols_that_are_not_here(void **state)
{
	_cleanup_(close_opened) struct opened self = open_self();
	struct elf_symbol symbol = {.address = 7};

	(void)state;
	assert_int_equal(elf_file__find_symbol(self.elf, "elf_known", &symbol), -ENOENT);
	assert_int_equal(elf_file__find_symbol(self.elf, "elf_known_global2", &symbol), -ENOENT);
	/* Used, but defined in libcapstone. */
	assert_int_equal(elf_file__find_symbol(self.elf, "cs_open", &symbol), -ENOENT);
	assert_int_equal(symbol.address, 7);
}

static void test_own_segments(void **state)
{
	_cleanup_(close_opened) struct opened self = open_self();
	struct loaded loaded = look_at_self();
	const struct elf_segment *segments;
	size_t cnt = elf_file__segments(self.elf, &segments), at = 0;

	(void)state;
	assert_true(elf_file__is_64bit(self.elf));
#if defined(__x86_64__)
	assert_int_equal(elf_file__machine(self.elf), EM_X86_64);
#elif defined(__aarch64__)
	assert_int_equal(elf_file__machine(self.elf), EM_AARCH64);
#endif
	assert_ptr_equal(elf_file__arch(self.elf), arch__own());
	for (size_t i = 0; i < loaded.header_cnt; i++) {
		const ElfW(Phdr) *header = &loaded.headers[i];

		if (header->p_type != PT_LOAD)
			continue;
		assert_true(at < cnt);
		assert_int_equal(segments[at].address, header->p_vaddr);
		assert_int_equal(segments[at].memory_size, header->p_memsz);
		assert_int_equal(segments[at].offset, header->p_offset);
		assert_int_equal(segments[at].file_size, header->p_filesz);
		assert_int_equal(segments[at].writable, !!(header->p_flags & PF_W));
		assert_int_equal(segments[at].executable, !!(header->p_flags & PF_X));
		at++;
	}
	assert_int_equal(at, cnt);
}

/* The piece of code at @address, or NULL. */
static const struct elf_code *find_code(struct elf_file *elf, uint64_t address)
{
	const struct elf_code *code = NULL;
	size_t cnt = 0;

	assert_int_equal(elf_file__code(elf, &code, &cnt), 0);
	assert_true(cnt > 0);
	for (size_t i = 0; i < cnt; i++)
		if (address >= code[i].address && address - code[i].address < code[i].size)
			return &code[i];
	return NULL;
}

/* Code is not relocated: the file contains what the CPU executes. */
static void test_own_code(void **state)
{
	_cleanup_(close_opened) struct opened self = open_self();
	struct loaded loaded = look_at_self();
	uint64_t at = address_of((void *)elf_known_global) - loaded.bias;
	const struct elf_code *code = find_code(self.elf, at);

	(void)state;
	assert_non_null(code);
	assert_true(code->size - (at - code->address) >= 16);
	assert_memory_equal(code->bytes + (at - code->address), (void *)elf_known_global, 16);
	assert_int_equal(elf_file__offset_of(self.elf, at), code->offset + (at - code->address));
	assert_null(find_code(self.elf, address_of(&elf_known_variable) - loaded.bias));
}

static void test_own_offsets(void **state)
{
	_cleanup_(close_opened) struct opened self = open_self();
	struct loaded loaded = look_at_self();
	uint64_t at = address_of((void *)elf_known_static) - loaded.bias;
	uint64_t variable = address_of(&elf_known_variable) - loaded.bias;
	uint8_t bytes[16];
	int value;

	(void)state;
	assert_int_equal(pread(self.fd, bytes, sizeof(bytes),
			       (off_t)elf_file__offset_of(self.elf, at)),
			 sizeof(bytes));
	assert_memory_equal(bytes, (void *)elf_known_static, sizeof(bytes));
	assert_int_equal(pread(self.fd, &value, sizeof(value),
			       (off_t)elf_file__offset_of(self.elf, variable)),
			 sizeof(value));
	assert_int_equal(value, 42);
	assert_int_equal(elf_file__offset_of(self.elf, UINT64_MAX), UINT64_MAX);
	assert_int_equal(elf_file__offset_of(self.elf, 1UL << 63), UINT64_MAX);
}

static bool contains(const uint64_t *sorted, size_t cnt, uint64_t value)
{
	for (size_t i = 0; i < cnt; i++)
		if (sorted[i] == value)
			return true;
	return false;
}

static void assert_sorted(const uint64_t *values, size_t cnt)
{
	for (size_t i = 1; i < cnt; i++)
		assert_true(values[i - 1] <= values[i]);
}

static void test_own_function_starts(void **state)
{
	_cleanup_(close_opened) struct opened self = open_self();
	struct loaded loaded = look_at_self();
	const uint64_t *starts, *again;
	size_t cnt, again_cnt;

	(void)state;
	assert_int_equal(elf_file__function_starts(self.elf, &starts, &cnt), 0);
	assert_true(cnt > 100);
	assert_sorted(starts, cnt);
	assert_true(contains(starts, cnt, address_of((void *)elf_known_global) - loaded.bias));
	assert_true(contains(starts, cnt, address_of((void *)elf_known_static) - loaded.bias));
	assert_true(contains(starts, cnt, address_of((void *)look_at_self) - loaded.bias));
	assert_true(contains(starts, cnt, address_of((void *)elf_file__open) - loaded.bias));
	assert_false(contains(starts, cnt, address_of((void *)elf_known_global) - loaded.bias + 1));
	/* A second call returns the same table. */
	assert_int_equal(elf_file__function_starts(self.elf, &again, &again_cnt), 0);
	assert_ptr_equal(again, starts);
	assert_int_equal(again_cnt, cnt);
}

static void test_tiny_symbols(void **state)
{
	_cleanup_(close_opened) struct opened opened = {.fd = -1};
	struct elf_symbol symbol;
	struct tiny_elf tiny;

	(void)state;
	tiny_elf__init(&tiny);
	opened = open_tiny(&tiny);
	assert_int_equal(elf_file__find_symbol(opened.elf, "main", &symbol), 0);
	assert_int_equal(symbol.address, TINY_CODE_ADDRESS + TINY_TEXT_OFFSET);
	assert_int_equal(symbol.size, 16);
	assert_true(symbol.function);
	assert_int_equal(elf_file__find_symbol(opened.elf, "variable", &symbol), 0);
	assert_int_equal(symbol.address, TINY_DATA_ADDRESS);
	assert_false(symbol.function);
	/* Neither the null symbol nor an undefined one is found, nor a part of a name. */
	assert_int_equal(elf_file__find_symbol(opened.elf, "imported", &symbol), -ENOENT);
	assert_int_equal(elf_file__find_symbol(opened.elf, "", &symbol), -ENOENT);
	assert_int_equal(elf_file__find_symbol(opened.elf, "mai", &symbol), -ENOENT);
	assert_int_equal(elf_file__find_symbol(opened.elf, "ain", &symbol), -ENOENT);
}

static void test_tiny_contents(void **state)
{
	_cleanup_(close_opened) struct opened opened = {.fd = -1};
	const struct elf_segment *segments;
	const struct elf_code *code;
	const uint64_t *starts;
	struct tiny_elf tiny;
	size_t cnt;

	(void)state;
	tiny_elf__init(&tiny);
	opened = open_tiny(&tiny);
	assert_int_equal(elf_file__segments(opened.elf, &segments), 2);
	assert_true(segments[0].executable && !segments[0].writable);
	assert_true(!segments[1].executable && segments[1].writable);
	assert_int_equal(segments[1].memory_size, TINY_DATA_MEMORY);
	assert_int_equal(segments[1].file_size, TINY_DATA_BYTES);

	assert_int_equal(elf_file__code(opened.elf, &code, &cnt), 0);
	assert_int_equal(cnt, 2);
	assert_int_equal(code[0].address, TINY_CODE_ADDRESS + TINY_TEXT_OFFSET);
	assert_int_equal(code[0].offset, TINY_TEXT_OFFSET);
	assert_int_equal(code[0].size, TINY_TEXT_BYTES);
	assert_memory_equal(code[0].bytes, tiny.text, TINY_TEXT_BYTES);
	assert_int_equal(code[1].address, TINY_CODE_ADDRESS + TINY_COLD_OFFSET);
	assert_int_equal(code[1].size, TINY_COLD_BYTES);
	assert_memory_equal(code[1].bytes, tiny.cold, TINY_COLD_BYTES);

	assert_int_equal(elf_file__function_starts(opened.elf, &starts, &cnt), 0);
	assert_int_equal(cnt, TINY_FUNCTION_CNT);
	assert_memory_equal(starts, tiny_elf_functions, sizeof(tiny_elf_functions));
}

static void test_tiny_offsets(void **state)
{
	_cleanup_(close_opened) struct opened opened = {.fd = -1};
	struct tiny_elf tiny;

	(void)state;
	tiny_elf__init(&tiny);
	opened = open_tiny(&tiny);
	assert_int_equal(elf_file__offset_of(opened.elf, TINY_CODE_ADDRESS), 0);
	assert_int_equal(elf_file__offset_of(opened.elf, TINY_CODE_ADDRESS + 0x123), 0x123);
	assert_int_equal(elf_file__offset_of(opened.elf, TINY_CODE_ADDRESS - 1), UINT64_MAX);
	assert_int_equal(elf_file__offset_of(opened.elf, TINY_CODE_ADDRESS + TINY_CODE_BYTES),
			 UINT64_MAX);
	assert_int_equal(elf_file__offset_of(opened.elf, TINY_DATA_ADDRESS + TINY_DATA_BYTES - 1),
			 TINY_DATA_OFFSET + TINY_DATA_BYTES - 1);
	/* .bss has no place in the file. */
	assert_int_equal(elf_file__offset_of(opened.elf, TINY_DATA_ADDRESS + TINY_DATA_BYTES),
			 UINT64_MAX);
}

/* Without section headers (sstrip(1) removes them) the segments say what is code. */
static void test_without_sections(void **state)
{
	_cleanup_(close_opened) struct opened opened = {.fd = -1};
	const struct elf_code *code;
	struct elf_symbol symbol;
	struct tiny_elf tiny;
	size_t cnt;

	(void)state;
	tiny_elf__init(&tiny);
	tiny.header.e_shoff = 0;
	tiny.header.e_shnum = 0;
	opened = open_tiny(&tiny);
	assert_int_equal(elf_file__code(opened.elf, &code, &cnt), 0);
	assert_int_equal(cnt, 1);
	assert_int_equal(code[0].address, TINY_CODE_ADDRESS);
	assert_int_equal(code[0].size, TINY_CODE_BYTES);
	assert_memory_equal(code[0].bytes, &tiny, TINY_CODE_BYTES);
	assert_int_equal(elf_file__find_symbol(opened.elf, "main", &symbol), -ENOENT);
}

static void test_without_unwind_table(void **state)
{
	_cleanup_(close_opened) struct opened opened = {.fd = -1};
	const uint64_t *starts;
	struct tiny_elf tiny;
	size_t cnt = 1;

	(void)state;
	tiny_elf__init(&tiny);
	tiny.segments[TINY_SEGMENT_UNWIND].p_type = PT_NULL;
	opened = open_tiny(&tiny);
	assert_int_equal(elf_file__function_starts(opened.elf, &starts, &cnt), 0);
	assert_int_equal(cnt, 0);
}

/* A table in another encoding, or with more entries than fit, is ignored. */
static void test_strange_unwind_tables(void **state)
{
	(void)state;
	for (int variant = 0; variant < 5; variant++) {
		_cleanup_(close_opened) struct opened opened = {.fd = -1};
		const uint64_t *starts;
		struct tiny_elf tiny;
		size_t cnt = 1;

		tiny_elf__init(&tiny);
		if (variant == 0)
			tiny.unwind.version = 2;
		if (variant == 1)
			tiny.unwind.encodings[1] = 0x04; /* udata8 */
		if (variant == 2)
			tiny.unwind.encodings[2] = 0x1b; /* relative to the entry itself */
		if (variant == 3)
			tiny.unwind.cnt = TINY_FUNCTION_CNT + 1;
		if (variant == 4)
			tiny.unwind.cnt = UINT32_MAX;
		opened = open_tiny(&tiny);
		assert_int_equal(elf_file__function_starts(opened.elf, &starts, &cnt), 0);
		assert_int_equal(cnt, 0);
	}
}

static void test_machines(void **state)
{
	static const struct {
		uint16_t machine;
		const struct arch *arch;
	} cases[] = {
		{EM_X86_64, &arch_x86_64},
		{EM_S390, NULL},
		{EM_386, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(close_opened) struct opened opened = {.fd = -1};
		struct tiny_elf tiny;

		tiny_elf__init(&tiny);
		tiny.header.e_machine = cases[i].machine;
		opened = open_tiny(&tiny);
		assert_int_equal(elf_file__machine(opened.elf), cases[i].machine);
		assert_ptr_equal(elf_file__arch(opened.elf), cases[i].arch);
		assert_true(elf_file__is_64bit(opened.elf));
	}
}

static void test_32_bit(void **state)
{
	struct {
		Elf32_Ehdr header;
		Elf32_Phdr segment;
	} file = {
		.header =
			{
				.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32,
					    ELFDATA2LSB, EV_CURRENT},
				.e_type = ET_EXEC,
				.e_machine = EM_386,
				.e_version = EV_CURRENT,
				.e_phoff = sizeof(Elf32_Ehdr),
				.e_ehsize = sizeof(Elf32_Ehdr),
				.e_phentsize = sizeof(Elf32_Phdr),
				.e_phnum = 1,
			},
		.segment = {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = 0x8048000},
	};
	_cleanup_close_ int fd = temp_file__new(&file, sizeof(file));
	_cleanup_(elf_file__freep) struct elf_file *elf = NULL;
	const struct elf_segment *segments;

	(void)state;
	assert_int_equal(elf_file__open(&elf, fd), 0);
	assert_false(elf_file__is_64bit(elf));
	assert_int_equal(elf_file__segments(elf, &segments), 1);
	assert_int_equal(segments[0].address, 0x8048000);
}

static void assert_no_elf(const void *bytes, size_t size)
{
	_cleanup_close_ int fd = temp_file__new(bytes, size);
	struct elf_file *elf = NULL;

	assert_int_equal(elf_file__open(&elf, fd), -ENOEXEC);
	assert_null(elf);
}

static void test_what_is_no_elf_file(void **state)
{
	static const char script[] = "#!/usr/bin/python3\nprint('hello')\n";
	uint8_t zeros[4096] = {};
	struct tiny_elf tiny;

	(void)state;
	assert_no_elf("", 0);
	assert_no_elf("\177", 1);
	assert_no_elf("\177ELF", 4);
	assert_no_elf(script, strlen(script));
	assert_no_elf(zeros, sizeof(zeros));
	assert_no_elf("!<arch>\n", 8); /* an archive */

	tiny_elf__init(&tiny);
	assert_no_elf(&tiny, sizeof(tiny.header) - 1);
	tiny.header.e_ident[EI_MAG1] = 'e';
	assert_no_elf(&tiny, sizeof(tiny));

	/* An object file has no segments. */
	tiny_elf__init(&tiny);
	tiny.header.e_type = ET_REL;
	tiny.header.e_phnum = 0;
	tiny.header.e_phoff = 0;
	assert_no_elf(&tiny, sizeof(tiny));

	/* A file whose segments are never loaded is refused, too. */
	tiny_elf__init(&tiny);
	tiny.segments[TINY_SEGMENT_CODE].p_type = PT_NULL;
	tiny.segments[TINY_SEGMENT_DATA].p_type = PT_NULL;
	assert_no_elf(&tiny, sizeof(tiny));
}

static void test_what_is_no_file(void **state)
{
	_cleanup_close_ int directory = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct elf_file *elf = NULL;

	(void)state;
	assert_true(elf_file__open(&elf, directory) < 0);
	assert_true(elf_file__open(&elf, null) < 0);
	assert_true(elf_file__open(&elf, -1) < 0);
	assert_null(elf);
}

/*
 * Makes every query on a damaged file and reads each byte of the results, so that sanitizers check
 * them. Returns the result of elf_file__open().
 */
static int ask_everything(int fd)
{
	_cleanup_(elf_file__freep) struct elf_file *elf = NULL;
	const struct elf_segment *segments;
	const struct elf_code *code;
	const struct arch *arch;
	const uint64_t *starts;
	struct elf_symbol symbol;
	size_t cnt, sum = 0;
	int err = elf_file__open(&elf, fd);

	if (err) {
		assert_true(err < 0);
		assert_null(elf);
		return err;
	}
	arch = elf_file__arch(elf);
	assert_true(!arch || arch->elf_machine == elf_file__machine(elf));
	cnt = elf_file__segments(elf, &segments);
	assert_true(cnt > 0);
	for (size_t i = 0; i < cnt; i++)
		sum += elf_file__offset_of(elf, segments[i].address);
	err = elf_file__code(elf, &code, &cnt);
	assert_true(err <= 0);
	for (size_t i = 0; !err && i < cnt; i++)
		for (size_t at = 0; at < code[i].size; at++)
			sum += code[i].bytes[at];
	err = elf_file__function_starts(elf, &starts, &cnt);
	assert_true(err <= 0);
	if (!err)
		assert_sorted(starts, cnt);
	err = elf_file__find_symbol(elf, "main", &symbol);
	assert_true(err == 0 || err == -ENOENT);
	return 0;
}

static void test_every_byte_spoilt(void **state)
{
	static const uint8_t masks[] = {0x01, 0x80, 0xff};
	size_t refused = 0, taken = 0;
	struct tiny_elf tiny;

	(void)state;
	tiny_elf__init(&tiny);
	for (size_t at = 0; at < sizeof(tiny); at++) {
		for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
			_cleanup_close_ int fd = -1;

			((uint8_t *)&tiny)[at] ^= masks[i];
			fd = temp_file__new(&tiny, sizeof(tiny));
			if (ask_everything(fd))
				refused++;
			else
				taken++;
			((uint8_t *)&tiny)[at] ^= masks[i];
		}
	}
	/* Both must happen, or this tests nothing: bytes outside of headers can have any value. */
	assert_true(refused > 10 && taken > 1000);
}

static void test_every_length(void **state)
{
	_cleanup_close_ int fd = -1;
	struct tiny_elf tiny;

	(void)state;
	tiny_elf__init(&tiny);
	fd = temp_file__new(&tiny, sizeof(tiny));
	assert_int_equal(ask_everything(fd), 0);
	for (size_t size = sizeof(tiny); size--;) {
		assert_int_equal(ftruncate(fd, (off_t)size), 0);
		/* Without its program headers it is not an ELF file. */
		if (ask_everything(fd))
			continue;
		assert_true(size >= offsetof(struct tiny_elf, gap1));
	}
}

static void test_own_executable_cut_off(void **state)
{
	_cleanup_close_ int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int fd = temp_file__new("", 0);
	struct stat status;
	off_t size;

	(void)state;
	assert_int_equal(fstat(from, &status), 0);
	assert_int_equal(sendfile(fd, from, NULL, (size_t)status.st_size), status.st_size);
	assert_int_equal(ask_everything(fd), 0);
	for (size = status.st_size - 1; size > 0; size -= 1 + size / 12) {
		assert_int_equal(ftruncate(fd, size), 0);
		ask_everything(fd);
	}
}

/* Reading uses pread(2): a file that shrinks gives an error, where mmap(2) would give SIGBUS. */
static void test_file_that_shrinks(void **state)
{
	_cleanup_(close_opened) struct opened opened = {.fd = -1};
	const struct elf_code *code = NULL;
	const uint64_t *starts = NULL;
	struct elf_symbol symbol;
	struct tiny_elf tiny;
	size_t cnt = 99;

	(void)state;
	tiny_elf__init(&tiny);
	opened = open_tiny(&tiny);
	assert_int_equal(ftruncate(opened.fd, TINY_TEXT_OFFSET + 8), 0);
	assert_true(elf_file__code(opened.elf, &code, &cnt) < 0);
	assert_true(elf_file__function_starts(opened.elf, &starts, &cnt) < 0);
	assert_null(code);
	assert_null(starts);
	assert_int_equal(cnt, 99);
	assert_int_equal(elf_file__find_symbol(opened.elf, "main", &symbol), -ENOENT);
}

/*
 * The tiny file followed by a hole of HUGE_BYTES. If a part claims to be all of the hole, no memory
 * may be allocated and no time spent for it.
 */
#define HUGE_OFFSET	(1UL << 20)
#define HUGE_BYTES	(400UL << 20)
#define GROWN_BYTES_MAX (64UL << 20)

struct huge {
	struct tiny_elf tiny;
	uint64_t size;
};

static void init_huge(struct huge *huge)
{
	tiny_elf__init(&huge->tiny);
	huge->size = HUGE_OFFSET + HUGE_BYTES;
}

static int new_huge_file(const struct huge *huge)
{
	int fd = temp_file__new(&huge->tiny, sizeof(huge->tiny));

	assert_int_equal(ftruncate(fd, (off_t)huge->size), 0);
	return fd;
}

static uint64_t peak_bytes(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)usage.ru_maxrss * 1024;
}

/*
 * Runs in a process of its own, because the peak memory of the process counts. Returns the number
 * of code pieces, or 255.
 */
static int ask_within_bounds(void *argument)
{
	int fd = new_huge_file(argument);
	_cleanup_(elf_file__freep) struct elf_file *elf = NULL;
	uint64_t before = peak_bytes();
	const struct elf_code *code;
	const uint64_t *starts;
	struct elf_symbol symbol;
	size_t code_cnt = 0, cnt;
	int err = elf_file__open(&elf, fd);

	if (!err) {
		err = elf_file__code(elf, &code, &code_cnt);
		if (err && err != -EFBIG)
			return 254;
		if (err)
			code_cnt = 100;
		err = elf_file__function_starts(elf, &starts, &cnt);
		if (err || elf_file__find_symbol(elf, "absent", &symbol) != -ENOENT)
			return 253;
	}
	return peak_bytes() - before > GROWN_BYTES_MAX ? 255 : (int)code_cnt;
}

static void test_code_of_holes(void **state)
{
	struct huge huge;

	(void)state;
	init_huge(&huge);
	huge.tiny.sections[TINY_SECTION_TEXT].sh_offset = HUGE_OFFSET;
	huge.tiny.sections[TINY_SECTION_TEXT].sh_size = HUGE_BYTES;
	assert_int_equal(child__run(ask_within_bounds, &huge), 2);
	/* The sum exceeds the limit, though neither part does. */
	huge.tiny.sections[TINY_SECTION_COLD].sh_offset = HUGE_OFFSET;
	huge.tiny.sections[TINY_SECTION_COLD].sh_size = HUGE_BYTES;
	assert_int_equal(child__run(ask_within_bounds, &huge), 100);
}

static void test_symbols_of_holes(void **state)
{
	struct huge huge;

	(void)state;
	init_huge(&huge);
	huge.tiny.sections[TINY_SECTION_SYMBOLS].sh_offset = HUGE_OFFSET;
	huge.tiny.sections[TINY_SECTION_SYMBOLS].sh_size = HUGE_BYTES;
	assert_int_equal(child__run(ask_within_bounds, &huge), 2);
	huge.tiny.sections[TINY_SECTION_STRINGS].sh_offset = HUGE_OFFSET;
	huge.tiny.sections[TINY_SECTION_STRINGS].sh_size = HUGE_BYTES;
	assert_int_equal(child__run(ask_within_bounds, &huge), 2);
}

static void test_an_unwind_table_of_holes(void **state)
{
	struct huge huge;

	(void)state;
	init_huge(&huge);
	huge.tiny.segments[TINY_SEGMENT_UNWIND].p_offset = HUGE_OFFSET;
	huge.tiny.segments[TINY_SEGMENT_UNWIND].p_filesz = HUGE_BYTES;
	assert_int_equal(child__run(ask_within_bounds, &huge), 2);
}

/* The table exists, but claims to be longer than any: it is ignored. */
static void test_too_long_unwind_table(void **state)
{
	_cleanup_(close_opened) struct opened opened = {.fd = -1};
	const uint64_t *starts;
	struct huge huge;
	size_t cnt = 1;

	(void)state;
	init_huge(&huge);
	huge.tiny.segments[TINY_SEGMENT_UNWIND].p_filesz = (16UL << 20) + 8;
	opened.fd = new_huge_file(&huge);
	assert_int_equal(elf_file__open(&opened.elf, opened.fd), 0);
	assert_int_equal(elf_file__function_starts(opened.elf, &starts, &cnt), 0);
	assert_int_equal(cnt, 0);
}

/* Headers would be read into memory before their content can be checked. */
static void test_too_many_headers(void **state)
{
	struct elf_file *elf = NULL;
	struct huge huge;
	int fd;

	(void)state;
	/* 64 KiB of program headers, and one header more. */
	for (uint16_t more = 0; more <= 1; more++) {
		init_huge(&huge);
		huge.tiny.header.e_phnum = (64 << 10) / sizeof(Elf64_Phdr) + more;
		huge.tiny.header.e_phoff = HUGE_OFFSET;
		fd = new_huge_file(&huge);
		assert_int_equal(pwrite(fd, huge.tiny.segments, sizeof(huge.tiny.segments),
					HUGE_OFFSET),
				 sizeof(huge.tiny.segments));
		assert_int_equal(elf_file__open(&elf, fd), more ? -ENOEXEC : 0);
		close(fd);
	}
	elf_file__free(elf);
	init_huge(&huge);
	huge.tiny.header.e_shnum = UINT16_MAX;
	huge.tiny.header.e_shoff = HUGE_OFFSET;
	assert_int_equal(child__run(ask_within_bounds, &huge), 100);
}

/* The size is compared with the file's before memory is allocated. */
static void test_code_beyond_the_file(void **state)
{
	_cleanup_(close_opened) struct opened opened = {.fd = -1};
	const struct elf_code *code;
	struct tiny_elf tiny;
	size_t cnt;

	(void)state;
	tiny_elf__init(&tiny);
	tiny.sections[TINY_SECTION_TEXT].sh_size = HUGE_BYTES;
	opened = open_tiny(&tiny);
	assert_int_equal(elf_file__code(opened.elf, &code, &cnt), -ENOEXEC);
	/* No state of the first call remains. */
	assert_int_equal(elf_file__code(opened.elf, &code, &cnt), -ENOEXEC);
}

static void test_limited_code(void **state)
{
	_cleanup_(close_opened) struct opened opened = {.fd = -1};
	const struct elf_code *code;
	struct tiny_elf tiny;
	size_t cnt;

	(void)state;
	tiny_elf__init(&tiny);
	opened = open_tiny(&tiny);
	elf_file__limit_code(opened.elf, TINY_TEXT_BYTES + TINY_COLD_BYTES - 1);
	assert_int_equal(elf_file__code(opened.elf, &code, &cnt), -EFBIG);
	elf_file__limit_code(opened.elf, TINY_TEXT_BYTES + TINY_COLD_BYTES);
	assert_int_equal(elf_file__code(opened.elf, &code, &cnt), 0);
	assert_int_equal(cnt, 2);
}

/* Both tables are in separate places with holes between; the name ends where the data does. */
static void test_a_symbol_far_behind_holes(void **state)
{
	static const char name[] = "far_behind";
	const uint64_t string_at = (200UL << 20) - sizeof(name), symbol_at = 150UL << 20;
	const Elf64_Sym symbol = {.st_name = (uint32_t)string_at,
				  .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
				  .st_shndx = 1,
				  .st_value = 0x4242,
				  .st_size = 7};
	_cleanup_(close_opened) struct opened opened = {.fd = -1};
	struct elf_symbol found;
	struct huge huge;

	(void)state;
	init_huge(&huge);
	huge.size = HUGE_OFFSET + 2 * HUGE_BYTES;
	huge.tiny.sections[TINY_SECTION_STRINGS].sh_offset = HUGE_OFFSET;
	huge.tiny.sections[TINY_SECTION_STRINGS].sh_size = HUGE_BYTES;
	huge.tiny.sections[TINY_SECTION_SYMBOLS].sh_offset = HUGE_OFFSET + HUGE_BYTES;
	huge.tiny.sections[TINY_SECTION_SYMBOLS].sh_size = HUGE_BYTES;
	opened.fd = new_huge_file(&huge);
	assert_int_equal(pwrite(opened.fd, name, sizeof(name) - 1,
				(off_t)(HUGE_OFFSET + string_at)),
			 sizeof(name) - 1);
	assert_int_equal(pwrite(opened.fd, &symbol, sizeof(symbol),
				(off_t)(HUGE_OFFSET + HUGE_BYTES +
					symbol_at / sizeof(symbol) * sizeof(symbol))),
			 sizeof(symbol));
	assert_int_equal(elf_file__open(&opened.elf, opened.fd), 0);
	assert_int_equal(elf_file__find_symbol(opened.elf, name, &found), 0);
	assert_int_equal(found.address, 0x4242);
	assert_int_equal(found.size, 7);
	assert_true(found.function);
	assert_int_equal(elf_file__find_symbol(opened.elf, "behind", &found), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_symbols),
		cmocka_unit_test(test_symbols_that_are_not_here),
		cmocka_unit_test(test_own_segments),
		cmocka_unit_test(test_own_code),
		cmocka_unit_test(test_own_offsets),
		cmocka_unit_test(test_own_function_starts),
		cmocka_unit_test(test_tiny_symbols),
		cmocka_unit_test(test_tiny_contents),
		cmocka_unit_test(test_tiny_offsets),
		cmocka_unit_test(test_without_sections),
		cmocka_unit_test(test_without_unwind_table),
		cmocka_unit_test(test_strange_unwind_tables),
		cmocka_unit_test(test_machines),
		cmocka_unit_test(test_32_bit),
		cmocka_unit_test(test_what_is_no_elf_file),
		cmocka_unit_test(test_what_is_no_file),
		cmocka_unit_test(test_every_byte_spoilt),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_own_executable_cut_off),
		cmocka_unit_test(test_file_that_shrinks),
		cmocka_unit_test(test_code_of_holes),
		cmocka_unit_test(test_symbols_of_holes),
		cmocka_unit_test(test_an_unwind_table_of_holes),
		cmocka_unit_test(test_too_long_unwind_table),
		cmocka_unit_test(test_too_many_headers),
		cmocka_unit_test(test_code_beyond_the_file),
		cmocka_unit_test(test_limited_code),
		cmocka_unit_test(test_a_symbol_far_behind_holes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
