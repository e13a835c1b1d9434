// SPDX-License-Identifier: BSD-2-Clause
#include "target/elf_symbols.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "target/file_bytes.h"
#include "util/checked.h"
#include "util/cleanup.h"

/* Tables are read in pieces of this size: whole symbols, and longer than any name. */
#define PIECE_SYMBOLS 2048UL
#define PIECE_BYTES   (PIECE_SYMBOLS * sizeof(Elf64_Sym))
/* An unstripped browser has 300 MiB of names. */
#define TABLE_BYTES_MAX (512UL << 20)
/* Places of one name: on its own, and as the end of longer names. */
#define PLACES_MAX 64

struct places {
	uint64_t at[PLACES_MAX]; /* in the string table, ascending */
	size_t cnt;
};

static bool has_place(const struct places *places, uint64_t at)
{
	for (size_t i = 0; i < places->cnt; i++)
		if (places->at[i] == at)
			return true;
	return false;
}

/* Adds the places of @name, including its NUL, in the @size bytes that are at @at. */
static void add_places(struct places *places, const char *name, const uint8_t *bytes, size_t size,
		       uint64_t at)
{
	size_t length = strlen(name) + 1;
	const uint8_t *from = bytes, *found;

	while (places->cnt < PLACES_MAX &&
	       (found = memmem(from, size - (size_t)(from - bytes), name, length))) {
		places->at[places->cnt++] = at + (uint64_t)(found - bytes);
		from = found + 1;
	}
}

/* Reads @size bytes if *@room allows that, and reduces it. */
static int read_piece(int fd, uint64_t offset, uint8_t *piece, size_t size, uint64_t *room)
{
	return checked_sub(*room, size, room) ? file_bytes__read_at(fd, offset, piece, size)
					      : -ENOBUFS;
}

/*
 * Pieces overlap, so that a name that begins in one and ends in the next is found. No name spans a
 * hole.
 */
static int find_places(int fd, const Elf64_Shdr *strings, const char *name, uint8_t *piece,
		       uint64_t *room, struct places *places)
{
	uint64_t size = strings->sh_size < TABLE_BYTES_MAX ? strings->sh_size : TABLE_BYTES_MAX,
		 at = 0;
	size_t overlap = strlen(name);

	if (overlap >= PIECE_BYTES / 2)
		return -ENOENT;
	while (at < size && places->cnt < PLACES_MAX) {
		uint64_t data = file_bytes__next_data(fd, strings->sh_offset + at);
		size_t part;
		int err;

		if (data == UINT64_MAX || data - strings->sh_offset >= size)
			break;
		at = data - strings->sh_offset;
		part = size - at < PIECE_BYTES ? size - at : PIECE_BYTES;
		err = read_piece(fd, data, piece, part, room);
		if (err)
			return err;
		add_places(places, name, piece, part, at);
		if (part == size - at)
			break;
		at += part - overlap;
	}
	return 0;
}

static bool take_symbol(const Elf64_Sym *symbols, size_t cnt, const struct places *places,
			struct elf_symbol *out)
{
	for (size_t i = 0; i < cnt; i++) {
		const Elf64_Sym *symbol = &symbols[i];

		if (symbol->st_shndx == SHN_UNDEF || !symbol->st_value ||
		    !has_place(places, symbol->st_name))
			continue;
		*out = (struct elf_symbol){
			.address = symbol->st_value,
			.size = symbol->st_size,
			.function = ELF64_ST_TYPE(symbol->st_info) == STT_FUNC,
		};
		return true;
	}
	return false;
}

/* Symbols in a hole of the file are undefined. */
static int search_table(int fd, const Elf64_Shdr *table, const struct places *places,
			uint8_t *piece, uint64_t *room, struct elf_symbol *out)
{
	uint64_t cnt = table->sh_size < TABLE_BYTES_MAX ? table->sh_size : TABLE_BYTES_MAX, i = 0;

	for (cnt /= sizeof(Elf64_Sym); i < cnt;) {
		uint64_t offset = table->sh_offset + i * sizeof(Elf64_Sym),
			 data = file_bytes__next_data(fd, offset);
		size_t part;
		int err;

		if (data == UINT64_MAX || (data - table->sh_offset) / sizeof(Elf64_Sym) >= cnt)
			break;
		i = (data - table->sh_offset) / sizeof(Elf64_Sym);
		part = cnt - i < PIECE_SYMBOLS ? cnt - i : PIECE_SYMBOLS;
		err = read_piece(fd, table->sh_offset + i * sizeof(Elf64_Sym), piece,
				 part * sizeof(Elf64_Sym), room);
		if (err)
			return err;
		if (take_symbol((const Elf64_Sym *)(const void *)piece, part, places, out))
			return 0;
		i += part;
	}
	return -ENOENT;
}

/* Whether the section's offset is possible in a file. */
static bool lies_in_a_file(const Elf64_Shdr *section)
{
	return section->sh_offset <= INT64_MAX / 2;
}

/* The first table of type @type, or NULL. */
static const Elf64_Shdr *find_table(const Elf64_Shdr *sections, size_t cnt, uint32_t type)
{
	for (size_t i = 0; i < cnt; i++)
		if (sections[i].sh_type == type)
			return &sections[i];
	return NULL;
}

int elf_symbols__find(int fd, const Elf64_Shdr *sections, size_t cnt, const char *name,
		      uint64_t *room, struct elf_symbol *out)
{
	static const uint32_t types[] = {SHT_DYNSYM, SHT_SYMTAB};
	_cleanup_free_ uint8_t *piece = malloc(PIECE_BYTES);
	int err = -ENOENT;

	if (!piece)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(types) && err == -ENOENT; i++) {
		const Elf64_Shdr *table = find_table(sections, cnt, types[i]), *strings;
		struct places places = {};

		if (!table || table->sh_link >= cnt || table->sh_entsize != sizeof(Elf64_Sym))
			continue;
		strings = &sections[table->sh_link];
		if (strings->sh_type != SHT_STRTAB || !lies_in_a_file(strings) ||
		    !lies_in_a_file(table))
			continue;
		err = find_places(fd, strings, name, piece, room, &places);
		if (!err)
			err = places.cnt ? search_table(fd, table, &places, piece, room, out)
					 : -ENOENT;
	}
	return err;
}
