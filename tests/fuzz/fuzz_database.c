// SPDX-License-Identifier: BSD-2-Clause
/*
 * Property: queries on damaged databases end within the memory limit, with a result or an error.
 * The input changes bytes of a small database that is made once; then queries run, one of them from
 * the input.
 */
#include <sqlite3.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "output/database_query.h"
#include "output/database_schema.h"
#include "output/report_writers.h"
#include "output/sqlite_file.h"
#include "util/cleanup.h"

#define CHANGES_MAX 64

static uint8_t *sample;
static size_t sample_size;

static const char rows[] =
	"PRAGMA page_size = 512; PRAGMA journal_mode = OFF;" DATABASE_TABLES
	"INSERT INTO meta VALUES('schema_version', 1), ('time', 'now');"
	"INSERT INTO process(pid, comm, arena_size) VALUES(17, 'app', 1048576);"
	"INSERT INTO arenas VALUES(1048576, 2, 96, 1);"
	"INSERT INTO pools VALUES(1048576, 1048576, 48, 84, 2, 1);"
	"INSERT INTO kinds VALUES(1, 'object', 1, NULL, 'dict of app.User', 'dict');"
	"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 60)"
	" INSERT INTO blocks SELECT x, 1048576 + 48 * x, 1048576, 1048576, 48, 1, 0, NULL FROM c;"
	"INSERT INTO objects SELECT id, address, 1, 1, 1, id - 1, NULL FROM blocks;"
	"INSERT INTO vias VALUES(1, '.x');"
	"INSERT INTO edges SELECT id, id + 1, 1 FROM blocks;" DATABASE_INDEXES DATABASE_VIEWS("");

static void make_sample(void)
{
	int fd = memfd_create("sample", MFD_CLOEXEC);
	sqlite3 *db = NULL;

	CHECK(fd >= 0 && sqlite_file__open(&db, fd, SQLITE_OPEN_READWRITE) == SQLITE_OK);
	CHECK(sqlite3_exec(db, rows, NULL, NULL, NULL) == SQLITE_OK);
	sqlite3_close(db);
	sample_size = (size_t)lseek(fd, 0, SEEK_END);
	sample = malloc(sample_size);
	CHECK(sample && pread(fd, sample, sample_size, 0) == (ssize_t)sample_size);
	close(fd);
}

/* The sample with some bytes changed, and possibly truncated. */
static int open_changed(struct fuzz_input *input)
{
	_cleanup_free_ uint8_t *bytes = malloc(sample_size);
	int fd = memfd_create("changed", MFD_CLOEXEC), cnt = fuzz_input__byte(input) % CHANGES_MAX;
	size_t size = sample_size;

	CHECK(bytes && fd >= 0);
	memcpy(bytes, sample, sample_size);
	for (int i = 0; i < cnt; i++) {
		uint16_t at;

		fuzz_input__take(input, &at, sizeof(at));
		bytes[at % sample_size] = fuzz_input__byte(input);
	}
	if (cnt % 8 == 7)
		size = fuzz_input__byte(input) * sample_size / 256;
	CHECK(write(fd, bytes, size) == (ssize_t)size);
	return fd;
}

static int ignore(void *context, uint64_t address, const char *kind)
{
	(void)address;
	CHECK(kind);
	return ++*(int *)context > 1000;
}

static void ask(struct database *database, const char *sql, bool json, FILE *out)
{
	struct failure failure = {};
	int err = database__query(database, sql, json ? &report_writer_json : &report_writer_text,
				  out, &failure);

	CHECK(!err || *failure.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(database__closep) struct database *database = NULL;
	struct fuzz_input input = {data, size};
	struct database_options options = {.name = "changed",
					   .cpu_s = 0.05,
					   .memory_bytes = 16 << 20};
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *sql = NULL, *text = NULL;
	struct failure failure = {};
	size_t text_size;
	FILE *out = open_memstream(&text, &text_size);
	int cnt = 0;

	CHECK(out);
	if (!sample)
		make_sample();
	fd = open_changed(&input);
	options.fd = fd;
	if (database__open(&database, &options, &failure)) {
		CHECK(*failure.text);
	} else {
		sql = strndup((const char *)input.bytes, input.size);
		CHECK(sql);
		ask(database, "SELECT * FROM by_owner", false, out);
		ask(database, "SELECT * FROM by_via", true, out);
		ask(database, "SELECT * FROM pins_by_kind", true, out);
		database__visit_blocks(database, ignore, &cnt, &failure);
		ask(database, sql, true, out);
	}
	fclose(out);
	return 0;
}
